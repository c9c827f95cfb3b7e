from approvals.models.ask import Answer, Ask, Decision, FirstView, Override
from approvals.models.digest import Digest
from approvals.models.notification import Notification
from approvals.models.people import Absence, Approver, Decline, Holder, Seat
from approvals.models.queue_mail import QueueMail, WrongQueueCode
from approvals.models.slack import SlackCard, SlackChannel
from approvals.models.usage import MonthOfAsks
from approvals.models.verification import Browser, Challenge, Grant, WrongCode

__all__ = [
    "Absence",
    "Answer",
    "Approver",
    "Ask",
    "Browser",
    "Challenge",
    "Decision",
    "Decline",
    "Digest",
    "FirstView",
    "Grant",
    "Holder",
    "MonthOfAsks",
    "Notification",
    "Override",
    "QueueMail",
    "Seat",
    "SlackCard",
    "SlackChannel",
    "WrongCode",
    "WrongQueueCode",
]
