"""Refusals, and how they are shown: RFC 9457 problem documents with the contract's codes."""

from collections.abc import Mapping
from typing import Any

PROBLEM_TYPE = "application/problem+json"


class DomainError(Exception):
    """Refuse a request for a reason the contract names.

    Subclasses set `code` (never changes), `status` (HTTP) and `title`. A transition raises one
    only before its own first change, so committing what it had to record is always safe.
    """

    code = "invalid"
    status = 422
    title = "The request is not valid."

    def __init__(
        self,
        detail: str = "",
        *,
        errors: list[dict[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.errors = errors
        self.headers = dict(headers or {})
        self.members = members


class Malformed(DomainError):
    code, status, title = "malformed", 400, "The request could not be read."


class KeyInUrl(DomainError):
    code, status, title = "key_in_url", 400, "An API key belongs in the Authorization header."


class Unauthorized(DomainError):
    """One body for a missing, wrong, revoked or expired key."""

    code, status, title = "unauthorized", 401, "A valid API key is required."

    def __init__(self) -> None:
        super().__init__(headers={"WWW-Authenticate": 'Bearer realm="sayso"'})


class MissingScope(DomainError):
    code, status, title = "missing_scope", 403, "The API key lacks the scope for this call."


class NotFound(DomainError):
    code, status, title = "not_found", 404, "There is nothing here."


class MethodNotAllowed(DomainError):
    code, status, title = "method_not_allowed", 405, "This method is not supported here."


class TooLarge(DomainError):
    code, status, title = "too_large", 413, "The request body is over 1 MB."


class UnsupportedMediaType(DomainError):
    code, status, title = "unsupported_media_type", 415, "Send the body as application/json."


class Invalid(DomainError):
    """Say which fields are wrong; each error has `field`, `code` and `detail`."""

    @classmethod
    def field(cls, field: str, detail: str, *, code: str = "invalid") -> "Invalid":
        """Return a refusal of one field, named by its path."""
        return cls(detail, errors=[{"field": field, "code": code, "detail": detail}])


class UnsafeTextRefused(Invalid):
    code, title = "unsafe_text", "The text contains a character that could deceive its reader."


class RateLimited(DomainError):
    code, status, title = "rate_limited", 429, "Too many requests."


class Unavailable(DomainError):
    code, status, title = "unavailable", 503, "The service is not available right now."

    def __init__(self, detail: str = "", *, retry_after: int = 2) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


class Internal(DomainError):
    code, status, title = "internal", 500, "Something went wrong on our side."


def problem(error: DomainError, *, request_id: str) -> dict[str, Any]:
    """Return the problem document (RFC 9457) of a refusal."""
    body: dict[str, Any] = {
        "type": f"urn:sayso:problem:{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        "request_id": request_id,
    }
    if error.errors is not None or error.status == 422:
        body["errors"] = error.errors or []
    return body | error.members
