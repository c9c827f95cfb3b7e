"""The sign-in mail that a page was asked for: a link and a code."""

from django.conf import settings

from approvals import verification
from approvals.letters.envelope import Letter
from approvals.models import Notification
from tracks.textpolicy import defuse


def letter(notification: Notification) -> Letter:
    """Return the mail with which somebody proves their mailbox."""
    track = notification.track
    assert notification.challenge is not None
    secrets = verification.secrets_for_mail(notification.challenge)
    context = {
        "workspace": track.workspace.name,
        "is_protected": track.is_protected,
        "subject_title": track.title,
        "title": defuse(track.title),
        "link": f"{settings.PUBLIC_BASE_URL}/v/{secrets.token}",
        "code": secrets.shown_code,
    }
    return Letter(
        template="sign_in",
        workspace=track.workspace.name,
        to=notification.approver.address,
        name=f"{notification.kind}.{notification.pk.hex}",
        about=notification.pk.hex,
        context=context,
    )
