"""Who was asked and did not answer is not asked the same again, by whichever way."""

from datetime import timedelta
from typing import Any

import pytest

from approvals import tasks
from approvals.handing_over import hand_over, set_absence
from approvals.models import Ask
from config.errors import Invalid
from tests.api.refused import nothing_written
from tests.conftest import Clock
from tests.factories import CFO, AskFactory, TrackFactory, approver_of, someone
from tracks.models import Track

DANA, EVE = "dana@acme.com", "eve@acme.com"


@pytest.fixture
def track(clock: Clock, workspace: Any) -> Track:
    return TrackFactory(workspace=workspace)


def asked_next(track: Track, clock: Clock, *chain: str) -> Ask:
    """Let an ask to the CFO time out so often; return the one that is open then."""
    AskFactory(track=track, timeout_seconds=60, escalate_to=list(chain))
    for _ in chain:
        clock.move(seconds=60)
        tasks.sweep_overdue()
    return Ask.objects.get(track=track, status="open")


@pytest.mark.parametrize("before", [CFO, DANA])
def test_nobody_passes_it_back_to_them(track: Track, clock: Clock, before: str) -> None:
    ask = asked_next(track, clock, DANA, EVE)
    assert approver_of(ask).address == EVE
    with nothing_written(), pytest.raises(Invalid) as refusal:
        hand_over(ask_id=ask.pk, track_id=track.pk, giver=approver_of(ask), to=before, reason="")
    assert refusal.value.errors[0]["field"] == "to"


def test_they_do_not_stand_in(track: Track, clock: Clock) -> None:
    set_absence(
        approver=someone(track.workspace, DANA),
        stand_in=CFO,
        starts_at=clock.now,
        ends_at=clock.now + timedelta(days=1),
    )
    ask = asked_next(track, clock, DANA)
    assert [holder.approver.address for holder in ask.holders.all()] == [DANA]
