"""Any, all, n of m: a seat each, one decision a seat, over the moment the outcome is certain."""

from typing import Any

import pytest

from approvals.models import Ask, Decision
from approvals.refusals import AlreadyDecided, AskNotOpen, NotTheApprover
from approvals.serializers import ask_json
from tests.conftest import Clock
from tests.factories import AskFactory, answer, evidence_of, kinds, someone
from tracks.models import Event, Track

A, B, C = "a@acme.com", "b@acme.com", "c@acme.com"


@pytest.fixture
def track(clock: Clock, track: Track) -> Track:
    return track


def asking(track: Track, *, needed: int, kind: str = "confirm") -> Ask:
    return AskFactory(track=track, kind=kind, approvers=[A, B, C], needed=needed)


def says(ask: Ask, address: str, value: bool | str, **more: Any) -> Decision:
    evidence = evidence_of(someone(ask.track.workspace, address))
    return answer(ask, value, evidence=evidence, form_nonce=f"form of {address}", **more)


def shown(ask: Ask) -> dict[str, Any]:
    return ask_json(Ask.objects.presented().with_everything().get(pk=ask.pk))


@pytest.mark.parametrize(
    ("needed", "said", "outcome"),
    [
        (1, [True], True),
        (1, [False, True], True),
        (1, [False, False], None),
        (1, [False, False, False], False),
        (2, [True], None),
        (2, [True, True], True),
        (2, [True, False], None),
        (2, [False, False], False),
        (3, [False], False),
        (3, [True, True], None),
        (3, [True, True, True], True),
    ],
)
def test_it_is_over_the_moment_it_is_certain(
    track: Track, needed: int, said: list[bool], outcome: bool | None
) -> None:
    ask = asking(track, needed=needed)
    for address, value in zip([A, B, C], said, strict=False):
        says(ask, address, value)
    body = shown(ask)
    assert body["status"] == ("open" if outcome is None else "answered")
    assert [each["value"] for each in body["decisions"]] == said
    if outcome is not None:
        assert (body["answer"]["value"], body["answer"]["answered_by"]) == (
            outcome,
            [A, B, C][len(said) - 1],
        )
        assert kinds(track)[-1] == "input_request.answered"
    assert kinds(track).count("ask.decided") == len(said)


def test_the_first_answer_of_any_kind_counts(track: Track) -> None:
    ask = asking(track, needed=1, kind="text")
    says(ask, B, "Friday")
    body = shown(ask)
    assert (body["answer"]["value"], body["answer"]["answered_by"]) == ("Friday", B)
    assert body["approvers"] == [A, B, C]


def test_late_ones_are_refused_and_leave_no_trace(track: Track) -> None:
    ask = asking(track, needed=1)
    says(ask, A, True)
    with pytest.raises(AskNotOpen):
        says(ask, B, False)
    assert [each["approver"] for each in shown(ask)["decisions"]] == [A]


def test_each_decides_once(track: Track) -> None:
    ask = asking(track, needed=2)
    says(ask, A, True)
    with pytest.raises(AlreadyDecided):
        answer(
            ask, False, evidence=evidence_of(someone(track.workspace, A)), form_nonce="another form"
        )
    assert [each["value"] for each in shown(ask)["decisions"]] == [True]


def test_whoever_is_not_asked_cannot_decide(track: Track) -> None:
    ask = asking(track, needed=2)
    with pytest.raises(NotTheApprover):
        says(ask, "d@acme.com", True)
    assert kinds(track) == ["track.created", "input_request.created"]


def test_the_event_says_who_settled_it(track: Track) -> None:
    ask = asking(track, needed=2)
    says(ask, A, False)
    says(ask, B, False, comment="Too dear.")
    event = Event.objects.get(track=track, type="input_request.answered")
    assert event.data is not None
    assert (event.data["value"], event.data["answered_by"], event.data["comment"]) == (
        False,
        B,
        "Too dear.",
    )
