"""A mailbox and some browsers: what the tests of verification do with them."""

from dataclasses import dataclass, field
from typing import Any

from approvals import grants, unlock, verification
from approvals.grants import Client, Viewer
from approvals.models import Challenge
from tests.factories import CFO
from tracks.models import Track

OFFICE = Client(ip="192.0.2.7", user_agent="Firefox")


@dataclass
class Browser:
    """A browser, its cookies, and the address on the net it comes from."""

    name: str = "browser"
    client: Client = OFFICE
    viewer: str | None = None
    nonces: dict[Any, str] = field(default_factory=dict)

    def start(self, track: Track, address: str = CFO) -> Challenge:
        """Ask for a mail to an address."""
        challenge, nonce = verification.start(
            track_id=track.pk, address=address, client=self.client, browser=self.name
        )
        self.nonces[challenge.pk] = nonce
        return challenge

    def follow(self, challenge: Challenge) -> Track:
        """Press the button behind the link of a mail."""
        track, self.viewer = verification.follow_link(
            token=token_of(challenge),
            nonce=self.nonces.get(challenge.pk, ""),
            viewer=self.viewer,
            client=self.client,
        )
        return track

    def type(self, text: str, track: Track, address: str = CFO) -> None:
        """Type a code."""
        self.viewer = verification.enter_code(
            track_id=track.pk,
            address=address,
            text=text,
            browser=self.name,
            viewer=self.viewer,
            client=self.client,
        )

    def unlock(self, track: Track, password: str) -> None:
        """Type a track's password."""
        track.refresh_from_db()
        self.viewer = unlock.unlock(
            track=track, password=password, viewer=self.viewer, client=self.client
        )

    def sees(self, track: Track) -> Viewer:
        """Return what this browser has proven on a track."""
        track.refresh_from_db()
        return grants.viewer_of(track, self.viewer)

    def is_verified(self, track: Track) -> bool:
        return bool(self.sees(track).verified)


def code_of(challenge: Challenge) -> str:
    """Return the code in the mail of a challenge."""
    return verification.secrets_for_mail(challenge).shown_code


def token_of(challenge: Challenge) -> str:
    """Return the token in the link of a challenge."""
    return verification.secrets_for_mail(challenge).token


def other_code(challenge: Challenge) -> str:
    """Return a code that is well formed and wrong."""
    code = verification.secrets_for_mail(challenge).code
    return ("0" if code[0] != "0" else "1") + code[1:]
