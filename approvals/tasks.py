"""Work of this layer that a worker does, poked and swept."""

from uuid import UUID

from celery import shared_task

from approvals import notify, queue_sign_in, transitions, verification
from approvals.models import Ask, Notification, QueueMail
from tracks.clock import database_now

BATCH = 500


@shared_task
def send_notification(notification_id: str) -> None:
    """Send one notice or sign-in mail, unless another worker does or it is no longer wanted."""
    notify.send(UUID(notification_id))


@shared_task
def sweep_notifications() -> int:
    """Send what is due and was not sent when it was poked."""
    due = Notification.due(limit=BATCH)
    for pk in due:
        notify.send(pk)
    return len(due)


@shared_task
def send_queue_mail(mail_id: str) -> None:
    """Send one mail with which somebody signs in to the queue."""
    queue_sign_in.send(UUID(mail_id))


@shared_task
def sweep_queue_mails() -> int:
    """Send what is due and was not sent when it was poked."""
    due = QueueMail.due(limit=BATCH)
    for pk in due:
        queue_sign_in.send(pk)
    return len(due)


@shared_task
def sweep_overdue() -> int:
    """Record the timeouts of asks whose deadline has passed."""
    overdue = Ask.objects.filter(status=Ask.Status.OPEN, ends_at__lte=database_now())
    tracks = list(overdue.order_by("ends_at").values_list("track_id", flat=True)[:BATCH])
    for track_id in tracks:
        transitions.record_timeout(track_id=track_id)
    return len(tracks)


@shared_task
def purge() -> int:
    """Forget verifications that ended 30 days ago."""
    return verification.purge_verifications() + queue_sign_in.purge()
