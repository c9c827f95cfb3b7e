"""The notice of an ask and its reminders: one thread in the mailbox of whoever may decide."""

from dataclasses import dataclass
from typing import Any

from approvals import card, verification
from approvals.letters.envelope import Letter, message_id, subject_of
from approvals.models import Ask, Holder, Notification
from approvals.stop_links import StopLink
from tracks.models import Track
from tracks.serializers import track_url
from tracks.sources import Source
from tracks.textpolicy import defuse

ASKED_NEXT = "asked_next"  # beside the kinds of holders: nobody who was asked before has answered


@dataclass(frozen=True, slots=True)
class Way:
    """How an ask came to somebody: what it says under "why you got this"."""

    kind: str
    giver: str
    reason: str

    @property
    def quoted(self) -> str:
        """Return the giver's words for the plain text, every line marked as a quotation."""
        return "\n".join(f"> {line}".rstrip() for line in self.reason.split("\n"))


@dataclass(frozen=True, slots=True)
class InMail:
    """Where a request comes from. The link to the record is on the page, where its host stands
    beside it: a mail from our address leads to our pages alone."""

    name: str
    host: str
    decides_there: bool

    @classmethod
    def of(cls, source: Source) -> "InMail":
        return cls(defuse(source.name), defuse(source.host), source.decides_there)

    @property
    def line(self) -> str:
        """Return the system and where it is."""
        return f"Comes from {self.name} ({self.host})." if self.host else f"Comes from {self.name}."


def letter(notification: Notification) -> Letter:
    """Return the mail that tells somebody of an ask, or reminds them of it."""
    ask, track = notification.ask, notification.track
    assert ask is not None
    context = _context(notification, ask)
    first = first_of(notification)
    subject = subject_of("ask", context)
    if first is not None and first.subject and not track.is_protected:
        subject = first.subject  # the title of a track may have changed; a thread keeps its subject
    return Letter(
        template="ask",
        workspace=track.workspace.name,
        to=notification.approver.address,
        name=f"{notification.kind}.{notification.pk.hex}",
        about=ask.pk.hex,
        context=context,
        subject=subject,
        answers_go_to=None if track.is_protected else track.requester,
        follows=message_id_of(first) if first is not None else "",
        stop_url=_stop_url(notification),
        headers={"Thread-Topic": subject},
    )


def _stop_url(notification: Notification) -> str:
    """Return where reminders are stopped: one in a series, which staff's nudge is not."""
    if notification.kind != Notification.Kind.REMINDER:
        return ""
    return StopLink(notification.approver_id, notification.ask_id).url


def first_of(notification: Notification) -> Notification | None:
    """Return the notice that a mail follows; None for the first notice, or if that failed."""
    if notification.kind == Notification.Kind.ASK and notification.ordinal == 0:
        return None
    notices = Notification.objects.filter(
        kind=Notification.Kind.ASK,
        ask=notification.ask_id,
        approver=notification.approver_id,
        sent_at__isnull=False,
    )
    return notices.order_by("sent_at").first()


def message_id_of(first: Notification) -> str:
    """Return the Message-ID with which a mail arrived: some services put one of theirs on it."""
    known = first.message_id.strip("<>")
    return f"<{known}>" if "@" in known else message_id(f"{first.kind}.{first.pk.hex}")


def _context(notification: Notification, ask: Ask) -> dict[str, Any]:
    track = notification.track
    assert notification.challenge is not None
    shown = card.of_mail(ask)
    hides_kind = track.is_protected and not ask.escalate_to
    return {
        "workspace": track.workspace.name,
        "is_protected": track.is_protected,
        "is_reminder": notification.kind != Notification.Kind.ASK,
        "subject_title": track.title,
        "title": defuse(track.title),
        "address": notification.approver.address,
        "way": _way(notification, ask, track),
        "url": track_url(track),
        "code": verification.secrets_for_mail(notification.challenge).shown_code,
        "card": shown,
        "source": track.comes_from and InMail.of(track.comes_from),
        "if_nothing": "nothing is approved" if hides_kind else shown.if_nothing,
    }


def _way(notification: Notification, ask: Ask, track: Track) -> Way:
    holders = Holder.objects.select_related("seat__approver")
    mine = holders.get(ask=ask, approver=notification.approver_id)
    kind = mine.kind
    if kind == Holder.Kind.ASKED and ask.escalated_from_id is not None:
        kind = ASKED_NEXT
    reason = "" if track.is_protected else defuse(mine.reason)
    return Way(kind=kind, giver=mine.seat.approver.address, reason=reason)
