"""What comes of each attempt, and when the next one is (WH-02, WH-08 to WH-13)."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.conftest import Clock
from tests.receivers import Receiver, reply
from tests.webhooks.conftest import PAUSES, Hook
from tracks.models import Entry, Event
from webhooks import signing
from webhooks.models import Delivery, OwnerNotice

pytestmark = pytest.mark.django_db

Carry = Callable[[], None]


def test_ten_attempts_by_the_table_and_then_no_more(
    heard: Hook, receiver: Receiver, carry: Carry, act: Callable[[], Event], clock: Clock
) -> None:
    """WH-02, WH-09: the same id and body each time, the time and the signature of each attempt."""
    receiver.scripts = [reply(500, b"broken")]
    event = act()
    for number in range(1, 11):
        carry()
        delivery = heard.only()
        assert len(delivery["attempts"]) == number
        if number == 10:
            break
        row = heard.row_of(delivery)
        assert row.status == "failed"
        latency = timedelta(milliseconds=delivery["attempts"][-1]["latency_ms"])
        assert row.next_attempt_at == clock.now + latency + PAUSES[number - 1]
        clock.move_to(row.next_attempt_at - timedelta(milliseconds=1))
        carry()
        assert len(receiver.seen) == number
        clock.move_to(row.next_attempt_at)
    assert (delivery["status"], delivery["next_attempt_at"]) == ("exhausted", None)
    assert {each.headers["webhook-id"] for each in receiver.seen} == {event.public_id}
    assert len({each.body for each in receiver.seen}) == 1
    assert len({each.headers["webhook-timestamp"] for each in receiver.seen}) == 10
    assert len({each.headers["webhook-signature"] for each in receiver.seen}) == 10
    for seen in receiver.seen:
        at = int(seen.headers["webhook-timestamp"])
        signing.verify([heard.secret], headers=seen.headers, body=seen.body, now=at)
    clock.move(days=30)
    carry()
    assert len(receiver.seen) == 10
    assert OwnerNotice.objects.get().kind == "exhausted"


@pytest.mark.parametrize("status", [199 + 1, 204, 299])
def test_every_2xx_is_success(
    status: int, heard: Hook, receiver: Receiver, carry: Carry, act: Callable[[], Event]
) -> None:
    """WH-08."""
    receiver.scripts = [reply(status, b"")]
    act()
    carry()
    assert heard.only()["status"] == "delivered"


@pytest.mark.parametrize("status", [300, 301, 304, 400, 404, 429, 500, 503])
def test_everything_else_is_failure_and_no_redirect_is_followed(
    status: int, heard: Hook, receiver: Receiver, carry: Carry, act: Callable[[], Event]
) -> None:
    """WH-08, SS-12."""
    receiver.scripts = [reply(status, b"", Location=f"{receiver.url}/elsewhere")]
    act()
    carry()
    assert heard.only()["status"] == "failed"
    assert len(receiver.seen) == 1


@pytest.mark.parametrize(
    ("status", "retry_after", "pause"),
    [
        (429, "120", timedelta(seconds=120)),
        (503, "120", timedelta(seconds=120)),
        (429, "Sun, 22 Nov 2026 11:00:00 GMT", None),
        (429, "99999999", timedelta(hours=24)),
        (429, "-5", PAUSES[0]),
        (429, "soon", PAUSES[0]),
        (500, "1", PAUSES[0]),
    ],
)
def test_retry_after_is_honoured_in_both_forms(
    status: int,
    retry_after: str,
    pause: timedelta | None,
    heard: Hook,
    receiver: Receiver,
    carry: Carry,
    act: Callable[[], Event],
    clock: Clock,
) -> None:
    """WH-11."""
    receiver.scripts = [reply(status, b"", Retry_After=retry_after)]
    act()
    carry()
    delivery = heard.only()
    due = heard.row_of(delivery).next_attempt_at
    if pause is None:
        assert due == clock.now + timedelta(hours=1)
    else:
        latency = timedelta(milliseconds=delivery["attempts"][0]["latency_ms"])
        assert due == clock.now + latency + pause


def test_gone_switches_the_endpoint_off(
    heard: Hook, receiver: Receiver, carry: Carry, act: Callable[[], Event]
) -> None:
    """WH-10."""
    receiver.scripts = [reply(410, b"gone")]
    act()
    carry()
    body = heard.agent.get(heard.path).json()
    assert (body["enabled"], body["disabled_reason"]) == (False, "gone")
    assert heard.only()["status"] == "exhausted"
    assert OwnerNotice.objects.get().kind == "gone"
    entry = Entry.objects.get(type="endpoint.disabled")
    assert (entry.subject, entry.actor_type, entry.data) == (heard.id, "system", {"reason": "gone"})
    act()
    carry()
    assert len(receiver.seen) == 1
    assert [each["status"] for each in heard.deliveries()] == ["exhausted", "skipped"]


def test_a_receiver_may_want_no_more_of_one_message(
    heard: Hook, receiver: Receiver, carry: Carry, act: Callable[[], Event]
) -> None:
    """WH-12."""
    receiver.scripts = [reply(400, b"", Webhook_Delivery="abort-message"), reply(200)]
    act()
    carry()
    act()
    carry()
    assert [each["status"] for each in heard.deliveries()] == ["exhausted", "delivered"]
    assert heard.row.enabled


def test_five_days_of_failure_switch_it_off_and_one_success_starts_anew(
    heard: Hook, receiver: Receiver, carry: Carry, act: Callable[[], Event], clock: Clock
) -> None:
    """WH-13."""
    receiver.scripts = [reply(500)] * 5 + [reply(200)] + [reply(500)]
    for _ in range(5):
        act()
        carry()
        clock.move(days=2)
    assert heard.row.failures >= 5
    Delivery.objects.update(next_attempt_at=None)
    receiver.seen.clear()
    receiver.scripts = [reply(200)]
    act()
    carry()
    assert (heard.row.failures, heard.row.failing_since) == (0, None)
    receiver.scripts = [reply(500)]
    since = clock.now
    for _ in range(9):
        act()
        carry()
        Delivery.objects.update(next_attempt_at=None)
    assert (heard.row.failures, heard.row.failing_since) == (9, since)
    clock.move_to(since + timedelta(hours=121))
    assert heard.row.enabled
    act()
    carry()
    body = heard.agent.get(heard.path).json()
    assert (body["enabled"], body["disabled_reason"]) == (False, "failing")
    assert body["failing_since"] == "2026-12-02T10:00:00.000Z"
    assert heard.deliveries()[-1]["status"] == "skipped"
    assert OwnerNotice.objects.get(kind="failing").endpoint_id == heard.pk
