from approvals.models.ask import Answer, Approver, Ask, Decision, FirstView, Seat
from approvals.models.notification import Notification
from approvals.models.verification import Browser, Challenge, Grant, WrongCode

__all__ = [
    "Answer",
    "Approver",
    "Ask",
    "Browser",
    "Challenge",
    "Decision",
    "FirstView",
    "Grant",
    "Notification",
    "Seat",
    "WrongCode",
]
