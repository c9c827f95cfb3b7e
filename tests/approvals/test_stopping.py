"""Stopping reminders and digests by the links in them: on our page, and by a mail program."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.test import Client

from approvals import stopping, tasks
from approvals.channels import email
from approvals.daily import sum_up
from approvals.handing_over import decline, hand_over
from approvals.models import Approver, Ask, Digest, Holder, Notification
from approvals.resending import nudge
from approvals.stop_links import StopLink
from approvals.stopping import Way
from approvals.transitions import cancel_ask
from tests.approvals.person import Page, Person, mails
from tests.approvals.test_pages_refusals import POLICY
from tests.conftest import Clock
from tests.factories import (
    AGENT,
    CFO,
    AskFactory,
    TrackFactory,
    WorkspaceFactory,
    answer,
    approver_of,
    kinds,
    someone,
)
from tests.staff_actor import DANA
from tracks.models import Event, Workspace
from tracks.transitions import update_track

pytestmark = pytest.mark.django_db(transaction=True)

WEEK = 7 * 86_400
SAM = "sam@acme.com"
MONDAY = datetime(2026, 11, 23, 10, tzinfo=UTC)
TUESDAY_EIGHT = datetime(2026, 11, 24, 8, tzinfo=UTC)
ONE_CLICK = "List-Unsubscribe=One-Click"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def workspace(clock: Clock) -> Workspace:
    clock.move_to(MONDAY)
    return WorkspaceFactory(name="Acme Finance")


@pytest.fixture
def ask(workspace: Workspace) -> Ask:
    """An ask of a week, of which its approver was told."""
    ask: Ask = AskFactory(
        track=TrackFactory(workspace=workspace, title="Secret title"), timeout_seconds=WEEK
    )
    mails()
    return ask


def of_reminders(ask: Ask) -> str:
    return f"/stop/{StopLink(approver_of(ask).pk, ask.pk).token()}"


def of_digests(workspace: Workspace) -> str:
    return f"/stop/{StopLink(someone(workspace, CFO).pk).token()}"


def one_click(path: str, body: str = ONE_CLICK, kind: str = FORM) -> Page:
    """Post as a mail provider does: no cookie, no form of ours, and redirects not followed."""
    return Page(Client(enforce_csrf_checks=True).post(path, body, content_type=kind))


def press(path: str) -> Page:
    """Open the page and press its one button; return what is shown then."""
    person = Person()
    form = person.get(path).form(path)
    button = form.buttons[-1]
    pressed = {button["name"]: button["value"]} if "name" in button else {}
    page = person.post(path, form.fields | pressed)
    assert (page.status, page.location) == (303, path)
    return person.get(path)


def reminders(ask: Ask) -> list[tuple[datetime | None, datetime | None]]:
    rows = ask.notifications.filter(kind="reminder").order_by("approver", "ordinal")
    return list(rows.values_list("next_attempt_at", "skipped_at"))


# --- reminders ----------------------------------------------------------------------------------


def test_the_page_stops_reminders_and_says_so(ask: Ask, clock: Clock) -> None:
    page = press(of_reminders(ask))
    assert "No more reminders" in page.text
    assert f"We do not remind c•••@acme.com of request {ask.reference} again." in page.text
    assert page.forms == []
    assert reminders(ask) == [(None, clock.now)] * 3
    clock.move(days=6)
    tasks.sweep_notifications()
    assert len(mail.outbox) == 1
    event = Event.objects.get(track=ask.track, type="ask.reminders_stopped")
    assert (event.actor_type, event.actor_name, event.at) == ("approver", CFO, MONDAY)
    assert event.data == {
        "ask_id": ask.public_id,
        "approver": CFO,
        "channel": "email",
        "way": "page",
    }


def test_a_mail_program_stops_them_by_one_request(ask: Ask, clock: Clock) -> None:
    page = one_click(of_reminders(ask))
    assert (page.status, page.forms) == (200, [])
    assert "No more reminders" in page.text
    assert reminders(ask) == [(None, clock.now)] * 3
    event = Event.objects.get(track=ask.track, type="ask.reminders_stopped")
    assert event.data is not None
    assert event.data["way"] == "one_click"


def test_it_may_be_sent_as_a_form_with_parts(ask: Ask) -> None:
    body = (
        '--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--'
    )
    page = one_click(of_reminders(ask), body, "multipart/form-data; boundary=x")
    assert page.status == 200
    assert "ask.reminders_stopped" in kinds(ask.track)


@pytest.mark.parametrize("body", ["", "List-Unsubscribe=one-click", "One-Click=List-Unsubscribe"])
def test_any_other_form_must_be_ours(ask: Ask, body: str) -> None:
    assert one_click(of_reminders(ask), body).status == 403
    assert reminders(ask)[0][1] is None


def test_looking_at_the_page_stops_nothing(ask: Ask, workspace: Workspace) -> None:
    before = kinds(ask.track)
    for path in (of_reminders(ask), of_digests(workspace)):
        client = Client()
        for method in ("GET", "HEAD", "GET"):
            assert client.generic(method, path).status_code == 200
    assert kinds(ask.track) == before
    assert Holder.objects.get(ask=ask).reminders_stopped_at is None
    assert someone(workspace, CFO).digests_stopped_at is None


def test_stopping_twice_is_stopping_once(ask: Ask, clock: Clock) -> None:
    one_click(of_reminders(ask))
    clock.move(hours=1)
    assert one_click(of_reminders(ask)).status == 200
    assert kinds(ask.track).count("ask.reminders_stopped") == 1
    assert Holder.objects.get(ask=ask).reminders_stopped_at == MONDAY
    assert reminders(ask) == [(None, MONDAY)] * 3


def test_it_stops_those_of_one_person_and_one_ask(workspace: Workspace, clock: Clock) -> None:
    both = {"approvers": [CFO, SAM], "needed": 2, "timeout_seconds": WEEK}
    one, other = (AskFactory(track=TrackFactory(workspace=workspace), **both) for _ in range(2))
    mails()
    one_click(of_reminders(one))
    told = len(mail.outbox)
    clock.move(days=1)
    later = [
        (message.to[0], message.extra_headers["X-Entity-Ref-ID"]) for message in mails()[told:]
    ]
    assert sorted(later) == sorted([(SAM, one.pk.hex), (CFO, other.pk.hex), (SAM, other.pk.hex)])


def test_the_next_question_on_the_track_is_another_request(ask: Ask, clock: Clock) -> None:
    one_click(of_reminders(ask))
    by_cancelling(ask)
    again = AskFactory(track=ask.track, timeout_seconds=WEEK)
    mails()
    clock.move(days=1)
    assert mails()[-1].extra_headers["X-Entity-Ref-ID"] == again.pk.hex


def test_one_that_a_worker_has_in_hand_is_not_tried_again(
    ask: Ask, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails, so it is put back; by then somebody has stopped it."""

    def fail(notification: Notification) -> None:
        one_click(of_reminders(ask))
        raise ConnectionError("no route")

    clock.move(days=1)
    with monkeypatch.context() as patch:
        patch.setattr(email, "send", fail)
        tasks.sweep_notifications()
    clock.move(seconds=10)
    tasks.sweep_notifications()
    assert len(mail.outbox) == 1
    assert reminders(ask)[0] == (None, clock.now)


def by_answer(ask: Ask, clock: Clock) -> None:
    answer(ask, True)


def by_sending_it_back(ask: Ask, clock: Clock) -> None:
    decline(ask_id=ask.pk, track_id=ask.track_id, approver=approver_of(ask), reason="")


def by_cancelling(ask: Ask, clock: Clock | None = None) -> None:
    cancel_ask(ask_id=ask.pk, workspace_id=ask.workspace_id, reason=None, actor=AGENT)


def by_deadline(ask: Ask, clock: Clock) -> None:
    clock.move_to(ask.ends_at)


@pytest.mark.parametrize("end", [by_answer, by_sending_it_back, by_cancelling, by_deadline])
def test_where_nothing_waits_there_is_nothing_to_stop(ask: Ask, clock: Clock, end: Any) -> None:
    end(ask, clock)
    page = Person().get(of_reminders(ask))
    assert "There is nothing to stop" in page.text
    assert (page.status, page.forms) == (200, [])
    assert "There is nothing to stop" in one_click(of_reminders(ask)).text
    assert "ask.reminders_stopped" not in kinds(ask.track)
    assert Holder.objects.get(ask=ask).reminders_stopped_at is None


def test_staff_may_still_nudge_and_their_mail_offers_nothing_to_stop(ask: Ask) -> None:
    one_click(of_reminders(ask))
    nudge(
        ask_id=ask.pk,
        track_id=ask.track_id,
        approver_id=approver_of(ask).pk,
        reason="The bank closes at noon.",
        actor=DANA,
    )
    message = mails()[-1]
    assert "Reminder: this still waits for you." in message.body
    assert "/stop/" not in str(message.message())


# --- what a link is not -------------------------------------------------------------------------


def test_a_link_shows_neither_the_request_nor_the_way_to_it(ask: Ask, workspace: Workspace) -> None:
    for path in (of_reminders(ask), of_digests(workspace)):
        page = Person().get(path)
        assert "Acme Finance" in page.text
        assert "c•••@acme.com" in page.text
        for hidden in ("Secret title", "Approve the new rate?", CFO, ask.track.slug, ask.public_id):
            assert hidden not in page.html


def test_a_protected_track_is_not_given_away(ask: Ask) -> None:
    update_track(
        track_id=ask.track_id,
        workspace_id=ask.workspace_id,
        changes={"password": "correct horse"},
        actor=AGENT,
    )
    page = Person().get(of_reminders(ask))
    assert page.text.count("Acme Finance") == 1
    assert "Secret title" not in page.html


def test_a_link_opens_nothing_else(ask: Ask, workspace: Workspace) -> None:
    person = Person()
    for path in (of_reminders(ask), of_digests(workspace)):
        token = path.removeprefix("/stop/")
        assert person.get(f"/v/{token}").status == 410
        assert person.get(f"/t/{token}").status == 404
        person.get(path)
    assert settings.VIEWER_COOKIE_NAME not in person.client.cookies
    assert settings.PENDING_COOKIE_NAME not in person.client.cookies


def test_bad_links_are_answered_like_unknown_pages(ask: Ask, workspace: Workspace) -> None:
    """One page for all: forged, foreign, of somebody who is not asked, of an ask that is none."""
    unknown = Person().get("/t/" + "0" * 22)
    assert unknown.status == 404
    stranger = someone(workspace, SAM)
    bad = [
        "/stop/x",
        of_reminders(ask)[:-1] + "é",
        of_digests(workspace)[:-5] + "AAAAA",
        f"/stop/{StopLink(stranger.pk, ask.pk).token()}",
        f"/stop/{StopLink(approver_of(ask).pk, stranger.pk).token()}",
        f"/stop/{StopLink(ask.pk).token()}",
    ]
    for path in bad:
        for page in (Person().get(path), one_click(path)):
            assert (page.status, page.text) == (404, unknown.text)


def test_se_13_the_thirty_first_bad_link_in_a_minute_is_refused(
    ask: Ask, workspace: Workspace
) -> None:
    good = of_reminders(ask)
    for _ in range(30):
        assert one_click("/stop/x").status == 404
    page = one_click("/stop/x")
    assert (page.status, page.response["Retry-After"]) == (429, "60")
    assert one_click(good).status == 200


def test_the_page_has_the_strict_headers_and_no_script(ask: Ask) -> None:
    page = Person().get(of_reminders(ask))
    assert set(page.response["Content-Security-Policy"].split("; ")) == POLICY | {"script-src"}
    assert page.response["Cache-Control"] == "no-store"
    assert page.response["Referrer-Policy"] == "same-origin"
    assert "<script" not in page.html
    assert " style=" not in page.html


# --- digests ------------------------------------------------------------------------------------


def three(workspace: Workspace, **fields: Any) -> list[Ask]:
    made = [
        AskFactory(
            **{"track": TrackFactory(workspace=workspace), "timeout_seconds": 4 * WEEK} | fields
        )
        for _ in range(3)
    ]
    Notification.objects.all().delete()
    return made


def morning() -> list[str]:
    """Let beat and a worker pass by once; return the subjects of all mails."""
    tasks.plan_digests()
    tasks.sweep_digests()
    return [message.subject for message in mail.outbox]


def test_the_page_stops_digests_and_sends_them_again(workspace: Workspace, clock: Clock) -> None:
    three(workspace)
    path = of_digests(workspace)
    page = Person().get(path)
    assert "When many requests come at once from another system, no mail but the summary" in (
        page.text
    )
    page = press(path)
    assert "No more summaries" in page.text
    assert someone(workspace, CFO).digests_stopped_at == MONDAY
    clock.move_to(TUESDAY_EIGHT)
    assert morning() == []
    page = press(path)
    assert "Stop these summaries?" in page.text
    assert someone(workspace, CFO).digests_stopped_at is None
    assert morning() == ["3 requests wait for you"]


def test_a_mail_program_stops_digests_and_never_starts_them(
    workspace: Workspace, clock: Clock
) -> None:
    three(workspace)
    path = of_digests(workspace)
    assert "No more summaries" in one_click(path).text
    clock.move(hours=1)
    assert "No more summaries" in one_click(path, f"{ONE_CLICK}&again=1").text
    assert someone(workspace, CFO).digests_stopped_at == MONDAY
    clock.move_to(TUESDAY_EIGHT)
    assert morning() == []


def test_one_that_is_planned_already_is_not_sent(workspace: Workspace, clock: Clock) -> None:
    three(workspace)
    clock.move_to(TUESDAY_EIGHT)
    tasks.plan_digests()
    one_click(of_digests(workspace))
    assert morning() == []
    digest = Digest.objects.get()
    assert (digest.next_attempt_at, digest.skipped_at) == (None, clock.now)


def test_one_that_is_planned_while_it_is_stopped_is_not_sent(
    workspace: Workspace, clock: Clock
) -> None:
    """Whoever planned had looked before."""
    three(workspace)
    clock.move_to(TUESDAY_EIGHT)
    tasks.plan_digests()
    Approver.objects.filter(canonical=CFO).update(digests_stopped_at=clock.now)
    assert morning() == []
    assert not Digest.objects.exists()


def test_others_and_other_workspaces_go_on(workspace: Workspace, clock: Clock) -> None:
    three(workspace, approvers=[CFO, SAM])
    three(WorkspaceFactory(name="Other"))
    one_click(of_digests(workspace))
    clock.move_to(TUESDAY_EIGHT)
    morning()
    senders = {(message.to[0], message.from_email) for message in mail.outbox}
    assert senders == {
        (SAM, "Acme Finance via Sayso <approvals@sayso.example>"),
        (CFO, "Other via Sayso <approvals@sayso.example>"),
    }


def test_a_prompt_one_is_not_planned_and_quiet_asks_are_in_the_queue(
    workspace: Workspace, clock: Clock
) -> None:
    one_click(of_digests(workspace))
    track = TrackFactory(workspace=workspace)
    made = AskFactory(track=track, is_quiet=True, timeout_seconds=WEEK)
    sum_up([approver_of(made).pk], at=clock.now)
    assert not Digest.objects.exists()
    clock.move_to(TUESDAY_EIGHT)
    assert morning() == []
    assert Holder.objects.get(ask=made).told_at is None
    press(of_digests(workspace))
    assert morning() == ["1 request waits for you"]
    assert Holder.objects.get(ask=made).told_at == clock.now


def test_single_notices_and_reminders_go_on(workspace: Workspace, clock: Clock) -> None:
    one_click(of_digests(workspace))
    AskFactory(track=TrackFactory(workspace=workspace), timeout_seconds=WEEK)
    assert len(mails()) == 1
    clock.move(days=1)
    assert len(mails()) == 2


def test_whoever_takes_over_has_reminders_of_their_own(ask: Ask, clock: Clock) -> None:
    one_click(of_reminders(ask))
    hand_over(ask_id=ask.pk, track_id=ask.track_id, giver=approver_of(ask), to=SAM, reason="")
    mails()
    clock.move_to(MONDAY + timedelta(days=1))
    assert [message.to for message in mails()] == [[CFO], [SAM], [SAM]]


def test_nothing_is_recorded_for_what_is_stopped_by_a_place_that_is_over(ask: Ask) -> None:
    """The page was open while somebody answered."""
    place = stopping.place_at(ask_id=ask.pk, approver_id=approver_of(ask).pk)
    answer(ask, True)
    stopping.stop_reminders(place=place, way=Way.PAGE)
    assert "ask.reminders_stopped" not in kinds(ask.track)
