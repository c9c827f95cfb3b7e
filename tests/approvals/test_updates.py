"""What becomes of a request: told once, in the thread of its notice, to whoever was told of it."""

import re
from typing import Any

import pytest
from django.core import mail

from approvals import receipts, sending, updates
from approvals.channels import email
from approvals.handing_over import hand_over
from approvals.models import Ask, Notification
from approvals.transitions import cancel_ask
from tests.api.refused import nothing_written
from tests.approvals.person import mails
from tests.conftest import Clock
from tests.factories import (
    AGENT,
    CFO,
    AskFactory,
    TrackFactory,
    WorkspaceFactory,
    answer,
    approver_of,
    evidence_of,
    kinds,
    someone,
)
from tracks.models import Event, Track
from tracks.sources import Source

pytestmark = pytest.mark.django_db(transaction=True)

SAM, DANA = "sam@acme.com", "dana@acme.com"
URL = "https://rt.example.com/Ticket/Display.html?id=17"
RT = Source(name="Request Tracker", url=URL)


@pytest.fixture
def track(clock: Clock) -> Track:
    workspace = WorkspaceFactory(name="Acme Finance")
    return TrackFactory(workspace=workspace, source=RT)


@pytest.fixture
def ask(track: Track) -> Ask:
    """One whose notice has arrived."""
    ask = AskFactory(track=track)
    assert len(mails()) == 1
    return ask


def confirm(ask: Ask, **more: Any) -> None:
    said: dict[str, Any] = {
        "about": "confirmed",
        "heading": "Confirmed in Request Tracker",
        "words": "Approved by cfo@acme.com, seen there at 10:01 UTC.",
        "url": URL,
        "url_label": "The record in Request Tracker",
    }
    updates.tell(ask, **said | more)


def told() -> list[tuple[str, str]]:
    """Send what is due; return who got which mail."""
    return [(message.to[0], str(message.subject)) for message in mails()]


def html_of(message: Any) -> str:
    return str(message.alternatives[0][0])


def test_it_goes_into_the_thread_of_the_notice(ask: Ask, clock: Clock) -> None:
    answer(ask)
    confirm(ask)
    notice, update = mails()
    assert update.to == [CFO]
    assert (notice.subject, update.subject) == (
        "Decision needed: Vendor invoice batch",
        "Re: Decision needed: Vendor invoice batch",
    )
    headers = update.extra_headers
    row = Notification.objects.get(kind="update")
    assert headers["Message-ID"] == f"<update.{row.pk.hex}@sayso.example>"
    assert headers["In-Reply-To"] == headers["References"] == notice.extra_headers["Message-ID"]
    assert headers["Thread-Topic"] == notice.subject
    assert headers["X-Entity-Ref-ID"] == ask.pk.hex
    assert headers["Auto-Submitted"] == "auto-generated"
    assert row.challenge is None
    assert row.sent_at == clock.now


def test_it_says_the_news_with_one_button_and_the_way_to_the_record(ask: Ask) -> None:
    answer(ask)
    confirm(ask)
    update = mails()[-1]
    for text in (update.body, html_of(update)):
        for words in (
            "Confirmed in Request Tracker",
            "seen there at 10:01 UTC.",
            "Open the request",
            "The record in Request Tracker",
            f"Reference {ask.reference}",
            f"Why you got this: {CFO} was told of this request",
        ):
            assert words in text
    page = f"http://127.0.0.1:8000/t/{ask.track.slug}"
    assert re.findall(r'href="([^"]+)"', html_of(update)) == [page, page, URL]
    assert "(rt.example.com)" in html_of(update)
    assert f"\n{page}\n\nThe record in Request Tracker:\n{URL}\n" in update.body


def test_it_is_on_record(ask: Ask) -> None:
    answer(ask)
    confirm(ask)
    mails()
    event = Event.objects.filter(track=ask.track).latest("seq")
    assert event.type == "approver.notified"
    assert event.data == {
        "ask_id": ask.public_id,
        "approver": CFO,
        "channel": "email",
        "kind": "update",
        "about": "confirmed",
    }


def test_telling_twice_is_telling_once_and_other_news_is_other_news(ask: Ask) -> None:
    answer(ask)
    confirm(ask)
    with nothing_written():
        confirm(ask, words="Said otherwise.")
    assert len(told()) == 2
    confirm(ask)
    assert len(told()) == 2
    confirm(ask, about="not_written")
    assert len(told()) == 3


def test_whoever_was_told_or_has_decided_is_told_and_nobody_else(
    track: Track, clock: Clock
) -> None:
    ask = AskFactory(track=track, approvers=[CFO, DANA], needed=1, notify=False)
    hand_over(ask_id=ask.pk, track_id=track.pk, giver=approver_of(ask), to=SAM, reason="x")
    assert [to for to, _ in told()] == [SAM]
    answer(ask, evidence=evidence_of(someone(track.workspace, DANA)))
    confirm(ask)
    assert sorted(told()[1:]) == [
        (DANA, "Confirmed in Request Tracker: Vendor invoice batch"),
        (SAM, "Re: Decision needed: Vendor invoice batch"),
    ]


def test_of_a_quiet_one_only_who_decided_is_told(track: Track) -> None:
    ask = AskFactory(track=track, approvers=[CFO, DANA], needed=1, is_quiet=True)
    answer(ask)
    confirm(ask)
    assert [to for to, _ in told()] == [CFO]
    assert "In-Reply-To" not in mail.outbox[0].extra_headers
    receipt = receipts.of_ask(ask.pk)["receipt"]
    assert receipt["times"]["sent_at"] is None, "an update is not the request"


def test_whoever_the_notice_never_reached_is_not_told(track: Track, clock: Clock) -> None:
    ask = AskFactory(track=track)
    notice = Notification.objects.get(kind="ask")
    cancel_ask(ask_id=ask.pk, workspace_id=track.workspace_id, reason="Gone.", actor=AGENT)
    confirm(ask)
    assert told() == []
    notice.refresh_from_db()
    assert notice.skipped_at == clock.now
    assert not Notification.objects.filter(kind="update").exists()


def test_whoever_reads_no_mail_is_not_mailed_again(ask: Ask, clock: Clock) -> None:
    confirm(ask)
    Notification.objects.filter(kind="ask").update(bounced_at=clock.now)
    assert len(told()) == 1
    assert Notification.objects.get(kind="update").skipped_at == clock.now


def test_it_waits_for_the_notice_that_is_being_sent(track: Track, clock: Clock) -> None:
    ask = AskFactory(track=track)
    notice = Notification.claim(Notification.objects.get().pk)
    assert notice is not None
    answer(ask)
    confirm(ask)
    assert told() == []
    update = Notification.objects.get(kind="update")
    assert update.next_attempt_at == notice.next_attempt_at
    sending._hand_over(notice)
    clock.move(seconds=Notification.LEASE.total_seconds())
    assert [subject for _, subject in told()] == [
        "Decision needed: Vendor invoice batch",
        "Re: Decision needed: Vendor invoice batch",
    ]


def test_a_failure_is_tried_again(ask: Ask, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(letter: Any) -> email.Sent:
        raise ConnectionError("no route")

    confirm(ask)
    with monkeypatch.context() as patch:
        patch.setattr(email, "send_letter", fail)
        mails()
    assert len(mail.outbox) == 1
    clock.move(seconds=10)
    assert len(told()) == 2


# -- withdrawn ------------------------------------------------------------------------------------


def cancel(ask: Ask, reason: str | None = "The ticket was deleted.") -> None:
    cancel_ask(ask_id=ask.pk, workspace_id=ask.workspace_id, reason=reason, actor=AGENT)


def test_whoever_was_told_is_told_that_it_was_withdrawn_and_why(ask: Ask) -> None:
    cancel(ask)
    _, update = mails()
    assert update.to == [CFO]
    assert "No longer needed: Vendor invoice batch\n\nThe ticket was deleted.\n" in update.body
    assert re.findall(r'href="([^"]+)"', html_of(update))[0].endswith(ask.track.slug)
    assert kinds(ask.track)[-2:] == ["input_request.cancelled", "approver.notified"]


def test_without_a_reason_nobody_is_told(ask: Ask) -> None:
    cancel(ask, None)
    assert len(told()) == 1


def test_an_agents_ask_is_withdrawn_as_silently_as_before(clock: Clock) -> None:
    ask = AskFactory()
    mails()
    cancel(ask)
    assert len(told()) == 1
    assert not Notification.objects.filter(kind="update").exists()


@pytest.mark.parametrize("is_told_first", [True, False])
def test_whoever_is_told_more_is_not_told_that_as_well(ask: Ask, is_told_first: bool) -> None:
    def resolve() -> None:
        confirm(ask, about="resolved_elsewhere", heading="This request is already resolved")

    if is_told_first:
        resolve()
    cancel(ask)
    if not is_told_first:
        resolve()
    assert len(told()) == 2
    assert "This request is already resolved" in mail.outbox[-1].body


# -- what it never says ---------------------------------------------------------------------------


def test_a_protected_track_says_only_that_there_is_news(clock: Clock) -> None:
    workspace = WorkspaceFactory(name="Acme Finance")
    track = TrackFactory(
        workspace=workspace, source=RT, title="Redundancies", password="correct horse"
    )
    ask = AskFactory(track=track)
    mails()
    answer(ask)
    confirm(ask)
    notice, update = mails()
    assert update.subject == notice.subject == "Protected request from Acme Finance"
    everything = update.body + html_of(update) + str(update.message())
    for secret in ("Redundancies", "Request Tracker", "rt.example.com", "seen there", "new rate"):
        assert secret not in everything
    assert "There is news" in everything


def test_text_of_the_system_links_to_nothing_and_deceives_nobody(ask: Ask) -> None:
    hostile = "See https://evil.example/x <b>now</b>\r\nBcc: x@evil.example \u202eevil"
    confirm(ask, heading=hostile, words=hostile, url_label=hostile, url="javascript:alert(1)")
    update = mails()[-1]
    for text in (update.body, html_of(update)):
        assert "evil.example" not in text
        assert "\u202e" not in text
        assert "javascript" not in text
    assert "<b>now" not in html_of(update)
    assert update.recipients() == [CFO]


def test_the_longest_subject_stays_what_it_was(track: Track, clock: Clock) -> None:
    ask = AskFactory(track=TrackFactory(workspace=track.workspace, title="x" * 200))
    mails()
    confirm(ask)
    notice, update = mails()
    assert len(notice.subject) == 120
    assert update.subject == notice.subject


def test_the_largest_stays_small(track: Track, clock: Clock) -> None:
    ask = AskFactory(track=TrackFactory(workspace=track.workspace, title="&" * 200))
    mails()
    confirm(ask, heading="&" * 5000, words="<" * 50_000, url_label="&" * 5000)
    update = mails()[-1]
    for text in (update.body, html_of(update)):
        assert len(text.encode()) < 40_000
