"""An absence begins when it is time, also for what waits already; what fails is tried again."""

from datetime import timedelta
from typing import Any

import pytest

from approvals import handing_over, tasks
from approvals.handing_over import end_absence, set_absence
from approvals.models import Absence, Ask, Holder
from tests.api.refused import nothing_written
from tests.conftest import Clock
from tests.factories import CFO, AskFactory, TrackFactory, kinds, someone
from tracks.models import Workspace

SAM = "sam@acme.com"


@pytest.fixture
def asks(clock: Clock, workspace: Workspace) -> list[Ask]:
    """What waits for the CFO when they are away from tomorrow on."""
    set_absence(
        approver=someone(workspace, CFO),
        stand_in=SAM,
        starts_at=clock.now + timedelta(days=1),
        ends_at=clock.now + timedelta(days=3),
    )
    return [
        AskFactory(track=TrackFactory(workspace=workspace), timeout_seconds=30 * 86_400)
        for _ in range(3)
    ]


def held_by(ask: Ask) -> list[str]:
    return [holder.approver.address for holder in ask.holders.all()]


def test_stand_ins_come_when_the_absence_begins_and_once(asks: list[Ask], clock: Clock) -> None:
    clock.move(days=1, milliseconds=-1)
    with nothing_written():
        assert tasks.sweep_absences() == 0
    clock.move(milliseconds=1)
    assert [tasks.sweep_absences(), tasks.sweep_absences()] == [1, 0]
    for ask in asks:
        assert held_by(ask) == [CFO, SAM]
        assert kinds(ask.track).count("ask.handed_over") == 1


def test_one_that_comes_when_it_is_over_changes_nothing(asks: list[Ask], clock: Clock) -> None:
    """Workers were down all the while."""
    clock.move(days=3)
    assert [tasks.sweep_absences(), tasks.sweep_absences()] == [1, 0]
    assert [held_by(ask) for ask in asks] == [[CFO]] * 3


def test_one_that_was_taken_back_does_not_begin(
    asks: list[Ask], clock: Clock, workspace: Workspace
) -> None:
    end_absence(absence_id=Absence.objects.get().pk, approver=someone(workspace, CFO))
    clock.move(days=1)
    assert tasks.sweep_absences() == 0


def test_an_ask_that_fails_holds_up_no_other_and_is_tried_again(
    asks: list[Ask], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring_in, broken = handing_over._stand_in, min(asks, key=lambda ask: ask.pk)

    def fail(*, ask_id: Any, **rest: Any) -> None:
        if ask_id == broken.pk:
            raise RuntimeError("a row nobody can read")
        bring_in(ask_id=ask_id, **rest)

    clock.move(days=1)
    with monkeypatch.context() as patch:
        patch.setattr(handing_over, "_stand_in", fail)
        assert tasks.sweep_absences() == 1
    assert [held_by(ask) for ask in asks].count([CFO, SAM]) == 2
    assert Absence.objects.get().next_attempt_at == clock.now + timedelta(minutes=1)
    clock.move(minutes=1)
    assert tasks.sweep_absences() == 1
    assert held_by(broken) == [CFO, SAM]
    assert Absence.objects.get().next_attempt_at is None


def test_it_is_looked_once_more_for_what_was_being_opened_when_it_began(
    asks: list[Ask], clock: Clock
) -> None:
    clock.move(days=1)
    assert tasks.sweep_absences() == 1
    asks[0].holders.get(kind=Holder.Kind.STAND_IN).delete()  # as if it had not been there yet
    clock.move(seconds=59)
    assert tasks.sweep_absences() == 0
    clock.move(seconds=1)
    assert tasks.sweep_absences() == 1
    assert [held_by(ask) for ask in asks] == [[CFO, SAM]] * 3
    assert Absence.objects.get().next_attempt_at is None


@pytest.mark.parametrize("is_broken", [False, True])
def test_whoever_comes_back_while_it_begins_stops_it(
    asks: list[Ask], clock: Clock, monkeypatch: pytest.MonkeyPatch, is_broken: bool
) -> None:
    bring_in, seen = handing_over._stand_in, []

    def come_back(*, absence: Absence, **rest: Any) -> None:
        seen.append(absence)
        if len(seen) == 2:
            end_absence(absence_id=absence.pk, approver=absence.approver)
            if is_broken:
                raise RuntimeError("a row nobody can read")
        bring_in(absence=absence, **rest)

    monkeypatch.setattr(handing_over, "_stand_in", come_back)
    clock.move(days=1)
    assert tasks.sweep_absences() == 1
    assert len(seen) == 3
    assert [held_by(ask) for ask in asks].count([CFO, SAM]) == 1
    assert Absence.objects.get().next_attempt_at is None


def test_it_is_given_up_when_the_absence_is_over(
    asks: list[Ask], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError("a row nobody can read")

    monkeypatch.setattr(handing_over, "_stand_in", fail)
    clock.move(days=3)
    assert [tasks.sweep_absences(), tasks.sweep_absences()] == [1, 0]
