"""Somebody stops reminders many times at once: a mail program that tries again, and a person."""

from functools import partial

import pytest

from approvals.stopping import Way, place_at, stop_reminders
from tests.factories import AskFactory, approver_of, kinds
from tests.faults.racing import at_once_in_database
from tracks.models import Track

pytestmark = [pytest.mark.postgresql, pytest.mark.usefixtures("shared_database")]


def test_twenty_that_stop_at_once_stop_once(track: Track) -> None:
    ask = AskFactory(track=track)
    place = place_at(ask_id=ask.pk, approver_id=approver_of(ask).pk)
    calls = [partial(stop_reminders, place=place, way=way) for way in [*Way] * 10]
    assert at_once_in_database(*calls) == [None] * 20
    assert kinds(track).count("ask.reminders_stopped") == 1
