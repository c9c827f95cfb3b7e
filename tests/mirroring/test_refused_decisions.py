"""A decision that its system refuses, because somebody was there before: theirs is not ours."""

from collections.abc import Callable
from typing import Any

import pytest

from approvals.models import Notification
from mirroring.connectors.base import Outcome
from mirroring.connectors.servicenow import ServiceNow as ServiceNowConnector
from mirroring.models import Record
from tests.conftest import Clock
from tests.mirroring.emulators.server import Asked, Said
from tests.mirroring.emulators.servicenow import ServiceNow
from tests.mirroring.mirror import push_due
from tracks.models import Event

pytestmark = pytest.mark.django_db

OURS = "sayso.integration"
Between = Callable[[Callable[[], None]], None]


@pytest.fixture
def right_before(monkeypatch: pytest.MonkeyPatch) -> Between:
    """Let something happen between the look and the decision."""

    def happens(what: Callable[[], None]) -> None:
        decide = ServiceNowConnector.decide

        def too_late(connector: ServiceNowConnector, *args: Any, **said: Any) -> Outcome:
            what()
            return decide(connector, *args, **said)

        monkeypatch.setattr(ServiceNowConnector, "decide", too_late)

    return happens


def happened(record: Record) -> list[str]:
    rows = Event.objects.filter(track=record.track, type__startswith="record.").order_by("seq")
    return list(rows.values_list("type", flat=True))


@pytest.mark.parametrize(("word", "shown"), [("approved", "Approved"), ("rejected", "Denied")])
def test_whoever_was_there_before_is_named_and_nothing_is_said_to_be_written(
    decided: Record, snow: ServiceNow, right_before: Between, word: str, shown: str
) -> None:
    right_before(lambda: snow.decide(decided.external_id, word, by="bob"))
    (made,) = push_due()
    decided.refresh_from_db()
    assert (made.status, made.sent_at, decided.status) == ("stale", None, word)
    assert [each["what"] for each in made.history] == ["sending", "not taken", "stale"]
    assert happened(decided) == ["record.seen", "record.push_conflict"]
    told = Notification.objects.get(kind="update").content
    assert told["heading"] == "This request is already resolved"
    assert told["words"].startswith(f"{shown} in ServiceNow by bob on ")
    assert told["words"].endswith("nothing was written there.")


def test_what_is_gone_before_it_can_be_decided_was_withdrawn_there(
    decided: Record, snow: ServiceNow, right_before: Between
) -> None:
    right_before(lambda: snow.touch(decided.external_id, is_restricted=True))
    (made,) = push_due()
    decided.refresh_from_db()
    assert (made.status, made.sent_at, decided.status) == ("stale", None, "cancelled")


def test_what_an_earlier_request_of_ours_may_have_written_is_ours(
    decided: Record, snow: ServiceNow, clock: Clock, right_before: Between,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    serve = snow.serve

    def kept_in_a_queue(asked: Asked) -> Said:
        is_write = asked.method == "PATCH"
        return snow.error(500, "Internal Server Error") if is_write else serve(asked)

    with monkeypatch.context() as slow:
        slow.setattr(snow, "serve", kept_in_a_queue)
        (made,) = push_due()
    assert (made.status, made.sent_at) == ("sent", clock.now)
    clock.move(minutes=3)
    right_before(lambda: snow.decide(decided.external_id, "approved", by=OURS))
    (made,) = push_due()
    decided.refresh_from_db()
    assert (made.status, decided.status) == ("confirmed", "approved")


def test_what_was_written_and_overwritten_at_once_is_a_conflict(
    decided: Record, snow: ServiceNow, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve = snow.serve

    def and_then_bob(asked: Asked) -> Said:
        said = serve(asked)
        if asked.method == "PATCH":
            snow.decide(decided.external_id, "rejected", by="bob")
        return said

    monkeypatch.setattr(snow, "serve", and_then_bob)
    (made,) = push_due()
    decided.refresh_from_db()
    assert (made.status, decided.status) == ("conflict", "conflict")
