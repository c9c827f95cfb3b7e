"""Mail to whoever looks after a workspace: a row is its plan, and is tried for some hours."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from tracks.clock import database_now
from tracks.models import Workspace
from tracks.textpolicy import subject_line
from tracks.work import Work

PAUSES = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6))


def send(row: Work, *, workspace: Workspace, template: str, context: Mapping[str, Any]) -> None:
    """Send the mail that a claimed row plans, and write what came of it.

    `template`: the folder in templates/emails; it stands in the mail's id, too. `sent_at` is a
    column of the row.
    """
    if not workspace.contact_email:
        row.write_outcome(next_attempt_at=None, last_error="The workspace has no address.")
        return
    said = {**context, "workspace": workspace.name, "base_url": settings.PUBLIC_BASE_URL}
    try:
        _message(row, workspace.contact_email, template, said).send()
    except Exception as error:
        _try_again(row, repr(error))
    else:
        row.write_outcome(next_attempt_at=None, sent_at=database_now(), last_error="")


def _try_again(row: Work, error: str) -> None:
    if row.attempts > len(PAUSES):
        row.write_outcome(next_attempt_at=None, last_error=error[:2000])
    else:
        row.retry(after=PAUSES[row.attempts - 1], error=error)


def _message(row: Work, address: str, template: str, context: dict[str, Any]) -> EmailMessage:
    # A mail sent twice after a crash has the same id: mail programs then show it once.
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip("> ")
    return EmailMessage(
        subject=subject_line(render_to_string(f"emails/{template}/subject.txt", context)),
        body=render_to_string(f"emails/{template}/body.txt", context),
        to=[address],
        headers={
            "Message-ID": f"<{template}.{row.pk.hex}@{domain}>",
            "Auto-Submitted": "auto-generated",
        },
    )
