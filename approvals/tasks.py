"""Work of this layer, poked and swept: tasks do it, but for what talks to the outside."""

from uuid import UUID

from celery import shared_task

from approvals import (
    daily,
    handing_over,
    queue_sign_in,
    sending,
    slack_cards,
    sweeps,
    verification,
)
from approvals.models import Absence, Digest, Notification, QueueMail, SlackCard
from tracks.hands import Hands

_notices = Hands(Notification, sending.send)
_digests = Hands(Digest, daily.send)
_cards = Hands(SlackCard, slack_cards.send)
_queue_mails = Hands(QueueMail, queue_sign_in.send)


@shared_task
def send_notification(notification_id: str) -> None:
    """Send one notice or sign-in mail, unless another worker does or it is no longer wanted."""
    _notices.take([UUID(notification_id)])


@shared_task
def sweep_notifications() -> int:
    """Send reminders, and what was not sent when it was poked."""
    return _notices.take_due()


@shared_task
def plan_digests() -> int:
    """Plan the mails that sum up, where it is the morning of a working day."""
    return daily.plan()


@shared_task
def send_digest(digest_id: str) -> None:
    """Send one mail that sums up what waits for somebody."""
    _digests.take([UUID(digest_id)])


@shared_task
def sweep_digests() -> int:
    """Send those that were not sent when they were poked."""
    return _digests.take_due()


@shared_task
def send_slack_card(ask_id: str) -> None:
    """Post the card of an ask in Slack, or change it to the outcome."""
    _cards.take([UUID(ask_id)])


@shared_task
def sweep_slack_cards() -> int:
    """Do what was not done when it was poked."""
    return _cards.take_due()


@shared_task
def begin_absence(absence_id: str) -> None:
    """Bring in whoever stands in for somebody whose absence begins."""
    handing_over.begin_absence(UUID(absence_id))


@shared_task
def sweep_absences() -> int:
    """Bring in the stand-ins for all absences that have begun."""
    return sweeps.drain(Absence, handing_over.begin_absence)


@shared_task
def send_queue_mail(mail_id: str) -> None:
    """Send one mail with which somebody signs in to the queue."""
    _queue_mails.take([UUID(mail_id)])


@shared_task
def sweep_queue_mails() -> int:
    """Send what is due and was not sent when it was poked."""
    return _queue_mails.take_due()


@shared_task
def sweep_overdue() -> int:
    """Record the timeouts of asks whose deadline has passed."""
    return sweeps.record_timeouts()


@shared_task
def purge() -> int:
    """Forget verifications that ended 30 days ago."""
    return verification.purge_verifications() + queue_sign_in.purge()
