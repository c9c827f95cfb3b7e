"""A track whose requester is corrected: nobody decides about their own request."""

import pytest

from tests.api.refused import nothing_written
from tests.factories import AGENT, AskFactory, TrackFactory, kinds
from tracks.models import Event, Track
from tracks.transitions import SelfApproval, update_track

pytestmark = pytest.mark.django_db


@pytest.fixture
def track() -> Track:
    return TrackFactory(customer_email="cfo@acme.com", requester="clerk@acme.com")


def change(track: Track, **changes: str | None) -> Track:
    return update_track(
        track_id=track.pk, workspace_id=track.workspace_id, changes=changes, actor=AGENT
    )


def refused(track: Track, **changes: str | None) -> str:
    with nothing_written(), pytest.raises(SelfApproval) as refusal:
        change(track, **changes)
    (error,) = refusal.value.errors or []
    return error["field"]


def test_a_corrected_requester_is_on_record(track: Track) -> None:
    assert change(track, requester="intern@acme.com").requester == "intern@acme.com"
    assert kinds(track)[-1] == "track.updated"
    said = Event.objects.filter(track=track).latest("seq").data
    assert said == {"changed": ["requester"], "requester": "intern@acme.com"}
    assert change(track, requester=None).requester is None


def test_the_customer_cannot_become_the_requester(track: Track) -> None:
    assert refused(track, requester="CFO@acme.com") == "customer_email"


def test_both_may_change_their_places_in_one_change(track: Track) -> None:
    changed = change(track, customer_email="clerk@acme.com", requester="cfo@acme.com")
    assert (changed.customer_email, changed.requester) == ("clerk@acme.com", "cfo@acme.com")


def test_whoever_is_asked_cannot_become_the_requester(track: Track) -> None:
    AskFactory(track=track, approvers=["ceo@acme.com", "cto@acme.com"])
    assert refused(track, requester="CTO@acme.com") == "requester"
    assert change(track, requester="intern@acme.com").requester == "intern@acme.com"
