"""Why a change of an endpoint is refused."""

from config.errors import DomainError, Invalid


class EndpointLimit(DomainError):
    code, status = "endpoint_limit", 409
    title = "The workspace has as many webhook endpoints as it may have."


class RotationInProgress(DomainError):
    code, status = "rotation_in_progress", 409
    title = "The key before the current one is still in use."


class EndpointUrlRefused(Invalid):
    """The URL may not be called; `detail` says why."""

    code, title = "endpoint_url_refused", "This URL may not be called."

    def __init__(self, reason: str) -> None:
        super().__init__(reason, errors=[{"field": "url", "code": self.code, "detail": reason}])
