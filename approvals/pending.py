"""The cookie of a browser that has asked for a sign-in link (security.md 1.1, `__Host-pv`).

It holds a nonce for each mail this browser asked for, so that a link works here and nowhere else,
and the token of the link it has just followed, so that the token leaves the address bar.
"""

from dataclasses import dataclass, replace
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from approvals.verification import PAGE_LASTS

MOST_KEPT = 4  # requests opened side by side
_LONGEST = 600


@dataclass(frozen=True, slots=True)
class Pending:
    """What this browser waits for. Nothing in it is believed without the database."""

    nonces: tuple[tuple[str, str], ...] = ()
    token: str = ""

    @classmethod
    def of(cls, request: HttpRequest) -> "Pending":
        """Read the cookie; what is not ours is as good as none."""
        text = request.COOKIES.get(settings.PENDING_COOKIE_NAME, "")[:_LONGEST]
        nonces, _, token = text.partition(":")
        pairs = [tuple(pair.split(".")) for pair in nonces.split("~")]
        return cls(tuple(pair for pair in pairs if len(pair) == 2)[:MOST_KEPT], token)

    def nonce_of(self, challenge_id: UUID) -> str:
        """Return the nonce for a challenge, empty when another browser asked for it."""
        return dict(self.nonces).get(challenge_id.hex, "")

    def with_nonce(self, challenge_id: UUID, nonce: str) -> "Pending":
        """Remember that this browser asked for a mail."""
        return replace(self, nonces=((challenge_id.hex, nonce), *self.nonces)[:MOST_KEPT])

    def with_token(self, token: str) -> "Pending":
        """Remember the link that was followed, or forget it."""
        return replace(self, token=token)

    def set_on(self, response: HttpResponse) -> None:
        """Hand the cookie to the browser."""
        nonces = "~".join(".".join(pair) for pair in self.nonces)
        response.set_cookie(
            settings.PENDING_COOKIE_NAME,
            f"{nonces}:{self.token}" if self.token else nonces,
            max_age=int(PAGE_LASTS.total_seconds()),
            secure=settings.IS_HTTPS,
            httponly=True,
            samesite="Lax",
            path="/",
        )
