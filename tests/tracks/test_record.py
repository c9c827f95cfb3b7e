"""Writing the event log: one event a change, in the same transaction, numbered without a gap."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.bodies import AskBody
from approvals.models import Ask
from tests.conftest import Clock
from tests.factories import AGENT, AskFactory, TrackFactory, answer, kinds, say
from tracks.models import Dispatch, Event, EventData, Track
from tracks.transitions import complete_track, log_action


def test_events_are_numbered_from_one_without_a_gap(track: Track) -> None:
    for number in range(5):
        say(track, f"{number}")
    assert list(Event.objects.filter(track=track).values_list("seq", flat=True)) == [
        1,
        2,
        3,
        4,
        5,
        6,
    ]
    track.refresh_from_db()
    assert track.seq == 6


def test_an_event_its_data_and_its_dispatch_are_written_together(
    track: Track, clock: Clock
) -> None:
    event = say(track, "x")
    assert EventData.objects.get(event=event).data == {"text": "x", "step": None}
    dispatch = Dispatch.objects.get(event=event)
    assert (dispatch.attempts, dispatch.next_attempt_at) == (1, clock.now + timedelta(seconds=30))
    assert dispatch.done == []


@pytest.mark.parametrize("fails", [Event, EventData, Dispatch, Track])
def test_a_change_that_cannot_be_recorded_does_not_happen(
    workspace: Any, monkeypatch: pytest.MonkeyPatch, fails: type
) -> None:
    """AU-01."""
    track = TrackFactory(workspace=workspace)
    original = fails.save

    def save(self: Any, *args: Any, **options: Any) -> None:
        if fails is Track and "seq" not in options.get("update_fields", ()):
            original(self, *args, **options)
        else:
            raise IntegrityError("no room")

    monkeypatch.setattr(fails, "save", save)
    with pytest.raises(IntegrityError), transaction.atomic():
        complete_track(
            track_id=track.pk, workspace_id=track.workspace_id, summary=None, actor=AGENT
        )
    monkeypatch.undo()
    track.refresh_from_db()
    assert (track.status, track.seq, kinds(track)) == ("active", 1, ["track.created"])
    assert (EventData.objects.count(), Dispatch.objects.count()) == (1, 1)


def test_time_never_runs_backwards_on_a_track(track: Track, clock: Clock) -> None:
    """AU-14."""
    clock.move(seconds=10)
    say(track, "late")
    clock.move(hours=-2)
    say(track, "later")
    times = list(Event.objects.filter(track=track).order_by("seq").values_list("at", flat=True))
    assert times == sorted(times)
    track.refresh_from_db()
    assert track.updated_at == times[-1]


def test_a_number_is_given_once(track: Track) -> None:
    """AU-07."""
    first = Event.objects.get(track=track)
    first.pk, first.prev_hash = None, "1" * 64
    with pytest.raises(IntegrityError), transaction.atomic():
        Event.objects.bulk_create([_copy(first, seq=1, prev_hash="1" * 64)])
    with pytest.raises(IntegrityError), transaction.atomic():
        Event.objects.bulk_create([_copy(first, seq=2, prev_hash="0" * 64)])


def _copy(event: Event, **changes: Any) -> Event:
    fields = {
        field.name: getattr(event, field.name)
        for field in Event._meta.concrete_fields
        if not field.primary_key
    }
    return Event(**fields | changes)


def test_an_event_that_was_recorded_twice_in_one_transaction_continues_the_chain(
    track: Track, clock: Clock
) -> None:
    """Closing a track with an open ask writes two events at once."""
    AskFactory(track=track)
    complete_track(track_id=track.pk, workspace_id=track.workspace_id, summary=None, actor=AGENT)
    last = list(Event.objects.filter(track=track).order_by("seq"))[-2:]
    assert [each.type for each in last] == ["input_request.cancelled", "track.completed"]
    assert last[1].prev_hash == last[0].hash


def test_a_refusal_records_nothing(track: Track) -> None:
    with pytest.raises(Exception, match="no step"):
        log_action(
            track_id=track.pk, workspace_id=track.workspace_id, text="x", step=3, actor=AGENT
        )
    assert kinds(track) == ["track.created"]


# -- no floats in data -----------------------------------------------------------------------------

SHOWN = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0x24F, exclude_categories=["Cc", "Cf", "Cs"]),
    min_size=1,
    max_size=20,
).filter(lambda text: text.strip() and text.isprintable())
CONFIG = st.fixed_dictionaries(
    {},
    optional={
        "description": SHOWN,
        "details": SHOWN,
        "risk": st.sampled_from(["low", "medium", "high"]),
        "summary": st.dictionaries(SHOWN, SHOWN, max_size=5)
        | st.lists(st.lists(SHOWN, min_size=2, max_size=2), max_size=5),
        "if_accepted": SHOWN,
        "accept_label": SHOWN,
    },
)


def floats_in(value: Any) -> bool:
    if isinstance(value, dict):
        return any(floats_in(each) for each in value.values())
    if isinstance(value, list):
        return any(map(floats_in, value))
    return isinstance(value, float)


@given(CONFIG)
@settings(max_examples=40, deadline=None)
def test_what_passes_as_config_has_no_floats_and_comes_back_as_it_was(config: Any) -> None:
    body = AskBody(data={"kind": "confirm", "prompt": "x", "config": config})
    if body.is_valid():
        checked = body.validated_data["config"]
        assert not floats_in(checked)
        assert list(checked)[: len(config)] == list(config)
        assert {"accept_label": "Yes", "reject_label": "No"} | checked == checked


@pytest.mark.parametrize("kind", ["confirm", "text", "choice"])
def test_no_event_of_a_full_life_has_a_float(track: Track, kind: str, clock: Clock) -> None:
    ask: Ask = AskFactory(track=track, kind=kind)
    clock.move(milliseconds=1)
    answer(ask, {"confirm": True, "text": "x", "choice": "a"}[kind])
    say(track, "x")
    contents = [each.data for each in EventData.objects.filter(event__track=track)]
    assert len(contents) == 4
    assert not any(map(floats_in, contents))
