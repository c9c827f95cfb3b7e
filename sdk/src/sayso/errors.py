"""What can go wrong, as exceptions. A no, and no answer at all, are answers and never raise."""

import json
from typing import Any, TypedDict

from sayso import _clock
from sayso._protocol import Lost, Outcome, Reply


class FieldError(TypedDict):
    """A field that the server refused: its path (`config.options.1.label`), a code, a sentence."""

    field: str
    code: str
    detail: str


class SaysoError(Exception):
    """The base of every error of this package."""


class ConnectionFailed(SaysoError):
    """The server could not be reached, or went away, for longer than the retries last.

    The exception of the HTTP library is its `__cause__`. Whether the last request had its effect is
    unknown. Calling again is safe for asks (they have a key) and for `create_track(external_id=…)`.
    """


class APIError(SaysoError):
    """The server refused a request.

    Attributes:
        code: what was wrong, as a word that never changes (`track_closed`).
        status: the HTTP status.
        request_id: names the request in the server's logs, or None.
        problem: the whole `application/problem+json` body (RFC 9457), `{}` if there was none.
        retry_after: seconds the server asked to wait before trying again, or None.
    """

    def __init__(
        self,
        code: str,
        status: int,
        request_id: str | None = None,
        problem: dict[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        # All of it goes to Exception, so that the error survives pickling.
        super().__init__(code, status, request_id, problem, retry_after)
        self.code = code
        self.status = status
        self.request_id = request_id
        self.problem = problem or {}
        self.retry_after = retry_after

    @property
    def detail(self) -> str:
        """The server's sentence about it, for people."""
        return str(self.problem.get("detail") or self.problem.get("title") or "")

    def __str__(self) -> str:
        text = f"{self.status} {self.code}"
        if self.detail:
            text += f": {self.detail}"
        for error in self.problem.get("errors") or []:
            text += f" [{error.get('field')}: {error.get('detail')}]"
        if self.request_id:
            text += f" (request {self.request_id})"
        return text


class Unauthorized(APIError):
    """401: the API key is missing, wrong, revoked or expired."""


class LimitReached(APIError):
    """402: the workspace's plan has no asks left this month."""


class Forbidden(APIError):
    """403: the API key lacks the scope for this call."""


class NotFound(APIError):
    """404: no such object in this workspace."""


class Conflict(APIError):
    """409: the state of the track or ask does not allow it; `code` says why."""

    @property
    def track_id(self) -> str | None:
        """The track that already has this `external_id`, when `code` is `external_id_taken`."""
        return self.problem.get("track_id")


class RequiresCustomerEmail(Conflict):
    """409: nobody to ask; the track has no `customer_email` and the call named no `approvers`."""


class AlreadyAwaiting(Conflict):
    """409: the track has an open ask already."""

    @property
    def open_ask_id(self) -> str | None:
        """The ask that is open: `client.asks.get(error.open_ask_id)`."""
        return self.problem.get("open_ask_id")


class Invalid(APIError):
    """422: the request breaks a rule; `errors` says which field and why."""

    @property
    def errors(self) -> list[FieldError]:
        """The refused fields."""
        return self.problem.get("errors") or []


class RateLimited(APIError):
    """429: too many requests; `retry_after` says how many seconds to wait."""


class ServerError(APIError):
    """5xx, or a response that is no answer of Sayso's (a proxy's page, for example)."""


BY_STATUS: dict[int, type[APIError]] = {
    401: Unauthorized,
    402: LimitReached,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    422: Invalid,
    429: RateLimited,
}
BY_CODE: dict[str, type[APIError]] = {
    "requires_customer_email": RequiresCustomerEmail,
    "already_awaiting": AlreadyAwaiting,
}

UNREADABLE = {
    "detail": "The response is not JSON. Does base_url point at Sayso, or at something before it?"
}


def error_from(outcome: Outcome) -> SaysoError:
    """Return the exception that says what an unsuccessful outcome was."""
    if isinstance(outcome, Lost):
        return _connection_failed(outcome)
    if outcome.is_success:
        return ServerError("unreadable_response", outcome.status, None, UNREADABLE)
    problem = problem_of(outcome)
    code = str(problem.get("code") or f"http_{outcome.status}")
    if outcome.status >= 500:
        kind: type[APIError] = ServerError
    else:
        kind = BY_CODE.get(code) or BY_STATUS.get(outcome.status, APIError)
    return kind(code, outcome.status, problem.get("request_id"), problem, retry_after(outcome))


def problem_of(reply: Reply) -> dict[str, Any]:
    """Return a reply's problem document, or `{}` if it has none."""
    if 300 <= reply.status < 400:
        where = reply.headers.get("location", "elsewhere")
        return {"detail": f"The server redirects to {where}. Set base_url to where it really is."}
    try:
        problem = json.loads(reply.body)
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def retry_after(reply: Reply) -> float | None:
    """Return the seconds of a `Retry-After` header (RFC 9110, section 10.2.3), or None."""
    text = reply.headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    at = _clock.parse_http_date(text) if text else None
    return max(0.0, at.timestamp() - _clock.now().timestamp()) if at else None


def _connection_failed(lost: Lost) -> ConnectionFailed:
    cause = f"{type(lost.error).__name__}: {lost.error}".removesuffix(": ")
    failed = ConnectionFailed(f"No answer to {lost.request} ({cause})")
    failed.__cause__ = lost.error
    return failed
