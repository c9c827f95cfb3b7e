"""Why a change of an ask is refused."""

from approvals.models import Ask
from config.errors import DomainError


class RequiresCustomerEmail(DomainError):
    code, status = "requires_customer_email", 409
    title = "The track has no customer_email, and the ask names no approvers."


class AlreadyAwaiting(DomainError):
    code, status, title = "already_awaiting", 409, "An ask is open on this track."

    def __init__(self, ask: Ask) -> None:
        super().__init__(open_ask_id=ask.public_id)


class AskNotOpen(DomainError):
    code, status, title = "ask_not_open", 409, "The ask is no longer open."

    def __init__(self, ask: Ask) -> None:
        super().__init__(f"The ask is {ask.status}.", ask_status=ask.status)
        self.ask = ask


class AlreadyDecided(AskNotOpen):
    """This seat has spoken; the ask waits for others."""


class KeyMismatch(DomainError):
    code, status = "idempotency_mismatch", 422
    title = "An ask with this key and other content exists on this track."


class NotTheApprover(DomainError):
    code, status, title = "not_verified", 403, "This browser is not verified for this request."


class DisplayChanged(DomainError):
    code, status = "display_changed", 409
    title = "What you saw is not what is asked now."


class DecidedElsewhere(DomainError):
    code, status = "decided_elsewhere", 409
    title = "This is decided where it comes from, not here."


class PassedOnAlready(DomainError):
    code, status = "passed_on_already", 409
    title = "This was passed on already, or came to you from somebody else."
