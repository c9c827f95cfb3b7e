"""The mail that tells what became of a request, in the thread of its notice."""

from typing import Any

from approvals.letters.envelope import Letter, subject_of
from approvals.letters.notice import first_of, message_id_of
from approvals.models import Notification
from tracks.serializers import track_url
from tracks.sources import Source
from tracks.textpolicy import defuse

LONGEST_SUBJECT = 120


def letter(update: Notification) -> Letter:
    """Return the mail that says it. A protected track's says only that there is news."""
    track, ask = update.track, update.ask
    assert ask is not None
    context = _context(update)
    first = first_of(update)
    subject = subject_of("update", context)
    headers = {}
    if first is not None and first.subject:
        headers = {"Thread-Topic": first.subject}
        subject = first.subject if track.is_protected else _answering(first.subject)
    return Letter(
        template="update",
        workspace=track.workspace.name,
        to=update.approver.address,
        name=f"{update.kind}.{update.pk.hex}",
        about=ask.pk.hex,
        context=context,
        subject=subject,
        answers_go_to=None if track.is_protected else track.requester,
        follows=message_id_of(first) if first is not None else "",
        headers=headers,
    )


def _answering(subject: str) -> str:
    """Return the one other subject that mail programs keep in the same thread."""
    answer = f"Re: {subject}"
    return answer if len(answer) <= LONGEST_SUBJECT else subject


def _context(update: Notification) -> dict[str, Any]:
    track, content = update.track, update.content
    # The system's own address, which staff have connected, and which was validated: the one link
    # in our mails that leads elsewhere. Its host stands beside it.
    record = Source(name=content["url_label"], url=content["url"])
    return {
        "workspace": track.workspace.name,
        "is_protected": track.is_protected,
        "subject_title": track.title,
        "title": defuse(track.title),
        "address": update.approver.address,
        "heading": defuse(content["heading"]),
        "words": defuse(content["words"]),
        "url": track_url(track),
        "record_url": record.link,
        "record_host": record.host,
        "record_label": defuse(record.name) or "The record",
        "reference": update.ask.reference if update.ask else "",
    }
