"""What its system decided by itself is told as that: in Slack, on the timeline, in a batch."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from approvals import handing_over, tasks
from approvals.channels import slack as channel
from approvals.models import Ask, Decision, SlackChannel
from approvals.refusals import DecidedElsewhere
from approvals.transitions import cancel_ask
from tests.api.refused import nothing_written
from tests.approvals.person import Page, Person, answer_path, path_of
from tests.approvals.queue_person import batch_form, post, sign_in
from tests.approvals.slack_server import Slack, slack_server
from tests.approvals.test_sources import THERE, move
from tests.conftest import Clock
from tests.factories import CFO, AskFactory, TrackFactory, WorkspaceFactory, config_of, someone
from tracks.actors import Actor
from tracks.events import record
from tracks.models import Workspace
from tracks.sources import Source
from tracks.transitions import lock_track

pytestmark = pytest.mark.django_db(transaction=True)

RT = Source(name="Request Tracker", url="https://rt.example.com/17")
CONNECTION = Actor("connection", "Request Tracker")
AT = "2026-11-22T10:01:00.000Z"
LOW = config_of("confirm") | {"risk": "low"}
LEAD = "Approved in Request Tracker by dana@acme.com on Sun 22 Nov 2026, 10:01 UTC."


@pytest.fixture
def workspace(clock: Clock) -> Workspace:
    return WorkspaceFactory()


@pytest.fixture
def ask(workspace: Workspace) -> Ask:
    return asked(workspace)


def asked(workspace: Workspace, **fields: Any) -> Ask:
    return AskFactory(track=TrackFactory(workspace=workspace, source=RT), config=LOW, **fields)


def resolve(ask: Ask) -> None:
    """Let the system decide by itself, as the layer above writes it down."""
    with transaction.atomic():
        cancel_ask(ask_id=ask.pk, workspace_id=ask.workspace_id, reason="x", actor=CONNECTION)
        track, now = lock_track(ask.track_id)
        said = {"ask_id": ask.public_id, "status": "approved", "by": "dana@acme.com", "at": AT}
        record(track, "record.resolved_elsewhere", actor=CONNECTION, at=now, data=said)


# -- Slack ----------------------------------------------------------------------------------------


@pytest.fixture
def slack(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Slack]:
    with slack_server() as server:
        settings.EGRESS_ALLOW = ["127.0.0.0/8"]
        monkeypatch.setattr(channel, "BASE_URL", server.base_url)
        yield server


def test_slack_says_what_was_decided_there_and_masks_by_whom(
    slack: Slack, workspace: Workspace
) -> None:
    SlackChannel.objects.create(workspace=workspace, bot_token="xoxb-1-2-abc", channel="#approvals")
    ask = asked(workspace)
    tasks.sweep_slack_cards()
    resolve(ask)
    tasks.sweep_slack_cards()
    body = next(body for path, body in slack.calls if path.endswith("update"))
    assert body["text"] == "Approved in Request Tracker"
    assert body["blocks"][0]["text"]["text"] == "Approved in Request Tracker"
    said = body["blocks"][3]["elements"][0]["text"].replace("\u200c", "")
    assert said == LEAD.replace("dana@", "d•••@")


# -- the timeline ---------------------------------------------------------------------------------


def test_the_timeline_says_what_was_decided_there_and_to_whom_it_may_by_whom(ask: Ask) -> None:
    me = Person()
    me.verify(ask)
    resolve(ask)
    happened = me.get(path_of(ask)).text.partition("What has happened")[2]
    assert "Approved in Request Tracker by dana@acme.com" in happened
    assert "withdrawn" not in happened
    stranger = Person().get(path_of(ask))
    assert "Approved in Request Tracker by d•••@acme.com" in stranger.text
    assert "dana" not in stranger.html


# -- a batch --------------------------------------------------------------------------------------


@pytest.fixture
def asks(workspace: Workspace) -> list[Ask]:
    return [asked(workspace, prompt=f"Pay invoice {number}?", notify=False) for number in (1, 2)]


@pytest.fixture
def person(asks: list[Ask]) -> Person:
    person = Person()
    sign_in(person)
    return person


def tick(person: Person, asks: list[Ask]) -> Page:
    return post(person, "/queue/batch", {"ask": [ask.public_id for ask in asks]})


def test_a_batch_leaves_out_what_was_resolved_there_and_says_by_whom(
    person: Person, asks: list[Ask]
) -> None:
    resolve(asks[0])
    review = tick(person, asks)
    words = f"Pay invoice 1? Not recorded: it is already resolved. {LEAD}"
    assert f"Left out {words}" in review.text
    assert "Check 1 before it is recorded" in review.text
    done = person.post("/queue/batch", batch_form(review, asks[1:], value="true"))
    assert done.status == 303
    assert Decision.objects.get().ask == asks[1]


def test_a_batch_says_of_each_what_came_of_it(person: Person, asks: list[Ask]) -> None:
    review = tick(person, asks)
    resolve(asks[1])
    done = person.post("/queue/batch", batch_form(review, asks, value="true"))
    result = person.get(done.location).text
    assert "Pay invoice 1? Recorded: approved" in result
    assert f"Pay invoice 2? Not recorded: it is already resolved. {LEAD}" in result
    assert Decision.objects.get().ask == asks[0]


# -- passing on -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "typed"),
    [("hand-over", {"to": "sam@acme.com", "reason": "Yours."}), ("not-me", {"reason": "No."})],
)
def test_what_is_decided_there_cannot_be_passed_on(
    ask: Ask, action: str, typed: dict[str, str]
) -> None:
    me = Person()
    me.verify(ask)
    form = me.get(path_of(ask)).form(f"/{action}")
    move(ask.track, THERE)
    with nothing_written():
        page = me.post(answer_path(ask).replace("/answer", f"/{action}"), form.fields | typed)
    assert page.status == 409
    assert "Nothing was done. This is decided in Request Tracker." in page.text


def test_no_other_way_passes_it_on_either(ask: Ask) -> None:
    move(ask.track, THERE)
    giver = someone(ask.track.workspace, CFO)
    with nothing_written(), pytest.raises(DecidedElsewhere):
        handing_over.hand_over(
            ask_id=ask.pk, track_id=ask.track_id, giver=giver, to="sam@acme.com", reason="Yours."
        )
    with nothing_written(), pytest.raises(DecidedElsewhere):
        handing_over.decline(ask_id=ask.pk, track_id=ask.track_id, approver=giver, reason="No.")
