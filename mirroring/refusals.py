"""Why a call or a command about a connection is refused."""

from config.errors import DomainError
from mirroring.connectors.base import BadConfig, ConnectorError, Kind
from mirroring.connectors.outcomes import HOW_TO_FIX


class NotPolled(DomainError):
    code, status = "connection_not_polled", 409
    title = "Nothing is read from this connection: its system posts to it."


class ConnectionPaused(DomainError):
    code, status = "connection_paused", 409
    title = "The connection is paused until somebody has looked."


class ConnectionDisabled(DomainError):
    code, status = "connection_disabled", 409
    title = "The connection is switched off."


class SystemFailed(DomainError):
    """The system of record could not be read; `kind` says what failed, `detail` in its words."""

    code, status = "system_failed", 424
    title = "The system of record could not be read."

    def __init__(self, error: ConnectorError | BadConfig) -> None:
        kind = error.kind if isinstance(error, ConnectorError) else Kind.BAD_REQUEST
        super().__init__(str(error), kind=kind.value, how_to_fix=HOW_TO_FIX[kind])


class NothingToAsk(DomainError):
    code, status = "nothing_to_ask", 409
    title = "Somebody is asked, or the system waits for nobody."
