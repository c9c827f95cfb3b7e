"""Staff settles an ask in place of its approvers, and everybody sees that it was staff."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from approvals import receipts
from approvals.letters import slack
from approvals.models import Answer, Ask, Override
from approvals.overriding import override_ask
from approvals.refusals import AskNotOpen
from approvals.serializers import ask_json
from approvals.transitions import cancel_ask
from tests.api.refused import nothing_written
from tests.approvals.person import Page, Person, path_of
from tests.approvals.proving import OFFICE
from tests.approvals.table import KIM, at, says, several
from tests.conftest import Clock
from tests.factories import AGENT, CFO, AskFactory, answer, kinds
from tests.staff_actor import DANA, REASON
from tracks.models import Event, Track
from webhooks import payloads

pytestmark = pytest.mark.django_db


@pytest.fixture
def ask(clock: Clock, track: Track) -> Ask:
    ask: Ask = AskFactory(track=track)
    clock.move(minutes=1)
    return ask


def override(ask: Ask, value: bool | str = True) -> Override:
    return override_ask(
        ask_id=ask.pk, track_id=ask.track_id, value=value, reason=REASON, actor=DANA, client=OFFICE
    )


def shown(ask: Ask) -> dict[str, Any]:
    return ask_json(Ask.objects.presented().with_everything().get(pk=ask.pk))


def test_the_api_says_that_it_was_staff(ask: Ask) -> None:
    override(ask, False)
    assert shown(ask)["status"] == "answered"
    assert shown(ask)["decisions"] == []
    assert shown(ask)["answer"] == {
        "value": False,
        "comment": REASON,
        "answered_by": "dana@sayso.example",
        "answered_at": "2026-11-22T10:01:00.000Z",
        "duration_ms": 60_000,
        "verified_by": "staff_override",
        "overridden": True,
    }


def test_an_approver_s_answer_does_not_say_so(ask: Ask) -> None:
    answer(ask)
    assert "overridden" not in shown(ask)["answer"]


def test_one_event_closes_it(ask: Ask) -> None:
    override(ask)
    assert kinds(ask.track)[-2:] == ["input_request.created", "input_request.answered"]
    event = Event.objects.get(type="input_request.answered")
    assert (event.actor_type, event.actor_name) == ("staff", "dana@sayso.example")
    assert event.data == {
        "ask_id": ask.public_id,
        "approver": None,
        "on_behalf_of": None,
        "value": True,
        "comment": REASON,
        "verified_by": "staff_override",
        "overridden": True,
        "status": "answered",
        "kind": "confirm",
        "answered_by": "dana@sayso.example",
        "duration_ms": 60_000,
        "display_digest": ask.display_digest,
        "action_digest": None,
    }


def test_the_webhook_says_so(ask: Ask) -> None:
    override(ask)
    event = Event.objects.get(type="input_request.answered")
    body = payloads.body_of(event)
    assert '"overridden":true' in body
    assert '"answered_by":"dana@sayso.example"' in body


def test_the_receipt_has_it_and_verifies(ask: Ask) -> None:
    override(ask)
    receipt = receipts.of_ask(ask.pk)["receipt"]
    assert receipt["decisions"] == []
    assert receipt["override"] == {
        "by": "dana@sayso.example",
        "value": True,
        "meaning": "Approved",
        "label": "Yes",
        "reason": REASON,
        "at": "2026-11-22T10:01:00.000Z",
        "ip": OFFICE.ip,
        "user_agent": OFFICE.user_agent,
    }
    assert receipt["times"]["verified_at"] is None
    assert receipt["answer"]["answered_by"] == "dana@sayso.example"


def test_what_approvers_have_said_stays_and_does_not_count_as_theirs(track: Track) -> None:
    """`needed` counts approvers: the override is nobody's approval."""
    ask = several(track, needed=3)
    says(ask, KIM, False)
    ask = several(track, key="again", needed=2)
    says(ask, KIM)
    override(ask, False)
    assert [each["value"] for each in shown(ask)["decisions"]] == [True]
    assert shown(ask)["answer"]["value"] is False
    assert len(receipts.of_ask(ask.pk)["receipt"]["decisions"]) == 1


@pytest.mark.parametrize("end", ["answered", "cancelled", "timeout", "overridden"])
def test_a_closed_ask_cannot_be_overridden(ask: Ask, clock: Clock, end: str) -> None:
    if end == "answered":
        answer(ask)
    elif end == "cancelled":
        cancel_ask(ask_id=ask.pk, workspace_id=ask.workspace_id, reason=None, actor=AGENT)
    elif end == "timeout":
        clock.move(minutes=29)
    else:
        override(ask)
    before = Override.objects.count()
    with pytest.raises(AskNotOpen):
        override(ask, False)
    assert Override.objects.count() == before
    assert kinds(ask.track).count("input_request.answered") == (end in ("answered", "overridden"))


def test_an_answer_after_it_is_refused(ask: Ask) -> None:
    override(ask)
    with nothing_written(), pytest.raises(AskNotOpen):
        answer(ask, False)


def test_an_answer_has_one_origin(ask: Ask) -> None:
    override(ask)
    with pytest.raises(IntegrityError), transaction.atomic():
        Answer.objects.filter(ask=ask).update(override=None)


# -- what people see -------------------------------------------------------------------------------


def page_of(ask: Ask, address: str = "") -> Page:
    person = at(ask, address) if address else Person()
    return person.get(path_of(ask))


def test_its_approver_reads_who_did_it_and_why(ask: Ask) -> None:
    override(ask, False)
    page = page_of(ask, CFO)
    assert "Decided by the people who run Sayso: rejected" in page.text
    assert "dana@sayso.example did so on" in page.text
    assert f"The reason they give {REASON}" in page.text


def test_a_stranger_reads_that_it_was_staff_but_no_name_and_no_reason(ask: Ask) -> None:
    override(ask)
    page = page_of(ask)
    assert "Decided by the people who run Sayso: approved" in page.text
    assert "Approved by the people who run Sayso" in page.text  # the timeline
    assert "dana" not in page.html
    assert REASON not in page.html


def test_a_typed_answer_of_staff_is_hidden_from_strangers_as_any(track: Track) -> None:
    ask = AskFactory(track=track, kind="text")
    override(ask, "Account 7")
    assert "Account 7" not in page_of(ask).html
    assert "The answer Account 7" in page_of(ask, CFO).text


def test_a_choice_of_staff_is_shown_in_the_agents_words(track: Track) -> None:
    ask = AskFactory(track=track, kind="choice")
    override(ask, "s")
    assert "The choice Sea" in page_of(ask).text


def test_the_receipt_s_page(ask: Ask) -> None:
    override(ask)
    page = at(ask, CFO).get(f"{path_of(ask)}/asks/{ask.public_id}/receipt")
    assert page.status == 200
    assert "Approved by the people who run Sayso, in place of whoever was asked" in page.text
    assert f"Reason given {REASON}" in page.text
    assert "By dana@sayso.example, in place of whoever was asked" in page.text


def test_slack_says_so(ask: Ask) -> None:
    override(ask)
    message = slack.outcome(Ask.objects.with_everything().get(pk=ask.pk))
    assert message.text == "Approved by the people who run Sayso"
