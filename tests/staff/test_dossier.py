"""The dossier: everything there is about an ask or a track, and nothing that lets its reader in."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from approvals import sending
from approvals.models import Approver, Ask, Challenge, FirstView, Notification, SlackCard
from approvals.overriding import override_ask
from approvals.reassigning import reassign
from approvals.staff.told import line_of
from approvals.stopping import Way, place_at, stop_digests, stop_reminders
from tests.approvals.person import Page
from tests.approvals.proving import OFFICE
from tests.approvals.table import KIM, SAM, at, says
from tests.browser.staff_scenes import waiting_ask
from tests.conftest import Clock
from tests.factories import CFO, AskFactory, TrackFactory, answer, evidence_of, say, someone
from tests.staff.conftest import Hire
from tests.staff_actor import DANA, REASON
from tracks.clock import database_now
from tracks.models import Event, Track
from tracks.transitions import update_track
from webhooks import outbound
from webhooks.models import Attempt, Delivery, Endpoint

pytestmark = pytest.mark.django_db

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}{% debug %}",
    "</textarea></pre></details><h1>Approved by the CFO</h1>",
    "https://evil.example/ www.evil.example javascript:alert(1)",
    "مرحبا بالعالم",
)


@pytest.fixture
def ask(clock: Clock, db: None) -> Ask:
    return waiting_ask()


@pytest.fixture
def viewer(hire: Hire, ask: Ask) -> Client:
    return hire("Viewer", ask.workspace)


def path_of(row: Ask | Track) -> str:
    if isinstance(row, Track):
        return f"/admin/tracks/track/{row.pk}/change/"
    return f"/admin/approvals/ask/{row.pk}/change/"


def dossier(client: Client, row: Ask | Track, query: str = "") -> Page:
    page = Page(client.get(path_of(row) + query))
    assert page.status == 200
    return page


def test_it_shows_the_card_and_the_text_that_was_digested(viewer: Client, ask: Ask) -> None:
    page = dossier(viewer, ask)
    assert 'data-shown="prompt">Acme Office Supplies is 8 % above contract.' in page.html
    assert "New rate $2,592 (+8 %)" in page.text
    assert "Approve the new rate recorded as: approved" in page.text
    assert ask.display_digest in page.text
    assert "no longer be shown" not in page.text


def test_it_says_so_when_it_can_no_longer_be_shown(viewer: Client, ask: Ask) -> None:
    Approver.objects.filter(canonical=CFO).update(address="Other@acme.com")
    assert "This can no longer be shown as it was digested" in dossier(viewer, ask).text


def test_it_shows_each_decision_with_its_evidence(viewer: Client, ask: Ask) -> None:
    says(ask, KIM)
    answer(ask, False, comment="Not at this price.", form_nonce="form-9")
    page = dossier(viewer, ask)
    assert "Confirmed by e-mail link on" in page.text
    assert "Not at this price." in page.text
    assert "192.0.2.7 Firefox" in page.text


def test_it_shows_an_override_as_one(viewer: Client, ask: Ask) -> None:
    override_ask(
        ask_id=ask.pk,
        track_id=ask.track_id,
        value=True,
        reason=REASON,
        actor=DANA,
        client=OFFICE,
    )
    page = dossier(viewer, ask)
    assert "Decided by staff" in page.text
    assert f"Reason {REASON}" in page.text
    assert "Decided by staff, in place of the approvers" in page.text
    assert "Approved by staff, in place of the approvers" in page.text  # the timeline


def test_it_shows_who_is_asked_and_who_no_longer(viewer: Client, ask: Ask) -> None:
    seat = ask.seats.get(position=0).pk
    reassign(ask_id=ask.pk, track_id=ask.track_id, seat_id=seat, to=SAM, reason=REASON, actor=DANA)
    page = dossier(viewer, ask)
    assert "2 of 3 must approve." in page.text
    assert f"<s><bdi>{CFO}</bdi></s>" in page.html
    assert f"is asked instead of {CFO}, by staff" in page.text


def test_it_shows_who_wants_no_more_mails_of_a_kind(viewer: Client, ask: Ask) -> None:
    me = someone(ask.workspace, CFO)
    stop_reminders(place=place_at(ask_id=ask.pk, approver_id=me.pk), way=Way.PAGE)
    stop_digests(approver_id=me.pk, way=Way.PAGE)
    page = dossier(viewer, ask)
    assert "was asked; wants no reminders of this; wants no summaries" in page.text
    assert "cfo@acme.com wants no more reminders of this" in page.text


def test_it_shows_every_mail_and_what_became_of_it(viewer: Client, ask: Ask) -> None:
    mail = Notification.objects.get(ask=ask, kind="ask", approver__canonical=KIM)
    Notification.objects.filter(pk=mail.pk).update(
        bounced_at=database_now(), last_error="550 no such user <b>", attempts=3
    )
    page = dossier(viewer, ask)
    assert f"came back Notice to {KIM}" in page.text
    assert "3 attempts; code good" in page.text
    assert "550 no such user &lt;b&gt;" in page.html
    assert f"planned Reminder 1 to {CFO}" in page.text


def test_it_shows_the_card_in_slack(viewer: Client, ask: Ask) -> None:
    SlackCard.objects.create(ask=ask, failed_at=database_now(), last_error="channel_not_found")
    page = dossier(viewer, ask)
    assert "failed 0 attempts channel_not_found" in page.text


def test_it_shows_deliveries_with_every_attempt(viewer: Client, ask: Ask) -> None:
    now = database_now()
    endpoint = Endpoint.objects.create(
        workspace=ask.workspace, url="https://hooks.example/in", created_at=now, updated_at=now
    )
    event = Event.objects.get(track=ask.track, type="input_request.created")
    outbound.on_events([event])
    delivery = Delivery.objects.get(endpoint=endpoint)
    Attempt.objects.create(
        delivery=delivery,
        number=1,
        trigger="event",
        at=now,
        status_code=503,
        latency_ms=12,
        excerpt="<h1>down</h1>",
        url=endpoint.url,
    )
    page = dossier(viewer, ask)
    assert "https://hooks.example/in" in page.text
    assert "503 , 12 ms" in page.text
    assert "&lt;h1&gt;down&lt;/h1&gt;" in page.html


def test_it_shows_browsers_and_whoever_may_can_revoke_them(
    hire: Hire, viewer: Client, ask: Ask
) -> None:
    link = f"revoke_browsers/?approver={someone(ask.track.workspace, CFO).pk}"
    assert f"live {CFO} by e-mail code, on this track" in dossier(viewer, ask).text
    assert link not in dossier(viewer, ask).html
    assert link in dossier(hire("Operator", ask.workspace), ask).html


def test_secrets_are_not_in_it(viewer: Client, ask: Ask) -> None:
    """Neither the slug, which lets its reader look, nor a code, nor a hash of either."""
    update_track(
        track_id=ask.track_id,
        workspace_id=ask.workspace_id,
        changes={"password": "correct horse"},
        actor=DANA,
    )
    at(ask, KIM)
    for row in Notification.objects.filter(next_attempt_at__isnull=False):
        sending.send(row.pk)
    track = Track.objects.get(pk=ask.track_id)
    for page in (dossier(viewer, ask), dossier(viewer, track)):
        assert track.slug not in page.html
        assert track.password_hash is not None
        assert track.password_hash not in page.html
        for challenge in Challenge.objects.filter(track=track):
            assert challenge.code_hmac not in page.html
            assert challenge.salt not in page.html
    assert f"{track.slug[:6]}…" in dossier(viewer, ask).html
    assert f"/t/{track.slug[:6]}…" in dossier(viewer, track).text


def test_long_timelines_are_paged(viewer: Client, ask: Ask) -> None:
    for number in range(130):
        say(ask.track, f"line {number}")
    track = Track.objects.get(pk=ask.track_id)
    first = dossier(viewer, ask)
    assert f"Timeline {track.seq} events on the track" in first.text
    assert first.html.count('<li>\n      <p class="at">') == 50
    later = dossier(viewer, ask, "?events=53")
    assert "line 60" in later.text
    assert 'href="?events=3#timeline">Earlier' in later.html
    assert 'href="?events=103#timeline">Later' in later.html
    assert "line 129" in dossier(viewer, track).text  # the latest, without being told
    assert dossier(viewer, ask, "?events=nonsense").status == 200
    assert dossier(viewer, ask, "?events=99999").status == 200


def test_an_erased_event_says_so(viewer: Client, ask: Ask) -> None:
    event = Event.objects.get(track=ask.track, type="input_request.created")
    event.content.delete()
    assert "input_request.created (erased)" in dossier(viewer, ask).text


def test_a_track_shows_its_asks_steps_and_facts(viewer: Client, ask: Ask) -> None:
    page = dossier(viewer, ask.track)
    assert f"open {ask.reference}" in page.text
    assert "Fetch" in page.text
    assert "Pulled 47 invoices from Bill.com" in page.text


def test_steps_are_counted_from_one() -> None:
    assert line_of("step.completed", {"index": 0}) == "Step 1 completed"
    assert line_of("step.failed", {"index": 2}) == "Step 3 failed"


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_others_wrote_is_inert(hire: Hire, hostile: str) -> None:
    """AI-01: wherever an agent, an approver, a mail server or a receiver can put words."""
    ask = waiting_ask(
        prompt=hostile,
        needed=1,
        config={
            "accept_label": hostile,
            "reject_label": "No",
            "description": hostile,
            "details": hostile,
            "summary": [[hostile, hostile]],
            "if_accepted": hostile,
        },
        key=hostile,
    )
    say(ask.track, hostile)
    Notification.objects.filter(ask=ask).update(last_error=hostile)
    FirstView.objects.filter(ask=ask).update(user_agent=hostile)
    answer(
        ask,
        True,
        comment=hostile,
        evidence=evidence_of(someone(ask.track.workspace, CFO), user_agent=hostile),
    )
    client = hire("Viewer", ask.workspace)
    listed = client.get("/admin/approvals/ask/").content.decode()
    for html in (listed, dossier(client, ask).html, dossier(client, ask.track).html):
        for tag in ("<script>alert", "<img src=x", "<h1>Approved", "</textarea></pre>"):
            assert tag not in html
        assert ("{{ 7 * 7 }}" in html) == ("{{ 7 * 7 }}" in hostile)
        assert 'href="https://evil' not in html
        assert 'href="javascript:' not in html


# -- how much it costs -----------------------------------------------------------------------------

QUERIES = {"ask": 15, "track": 15}


@pytest.mark.parametrize("size", [1, 40])
def test_the_number_of_queries_does_not_depend_on_the_size(
    viewer: Client, ask: Ask, django_assert_num_queries: DjangoAssertNumQueries, size: int
) -> None:
    for number in range(size):
        say(ask.track, f"line {number}")
        at(ask, KIM)
        other = AskFactory(track=TrackFactory(workspace=ask.workspace))
        Notification.objects.create(
            kind="reminder",
            ordinal=number + 10,
            track=ask.track,
            ask=ask,
            approver=someone(other.workspace, KIM),
            created_at=database_now(),
        )
    viewer.get(path_of(ask))  # what is learnt once a process is learnt
    with django_assert_num_queries(QUERIES["ask"]):
        viewer.get(path_of(ask))
    with django_assert_num_queries(QUERIES["track"]):
        viewer.get(path_of(ask.track))


# -- who may look ----------------------------------------------------------------------------------


def test_whoever_may_not_see_deliveries_does_not_see_them_here(hire: Hire, ask: Ask) -> None:
    client = hire("Viewer", ask.workspace)
    assert "Webhooks" in dossier(client, ask).text
    group = Permission.objects.get(codename="view_delivery").group_set
    group.clear()
    assert "No endpoint listens" not in dossier(client, ask).text


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_nothing_can_be_sent_to_it(viewer: Client, ask: Ask, method: str) -> None:
    call: Any = getattr(viewer, method)
    assert call(path_of(ask)).status_code == 403
    assert call(path_of(ask.track)).status_code == 403


@pytest.mark.parametrize("key", ["nonsense", "00000000-0000-0000-0000-000000000000"])
def test_what_is_not_there_leads_back(viewer: Client, key: str) -> None:
    assert viewer.get(f"/admin/approvals/ask/{key}/change/").status_code == 302
