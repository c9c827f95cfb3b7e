"""Carrying deliveries: one thread talks to the database, many wait for receivers.

A receiver that hangs costs a waiting thread, no worker slot and no database connection, and has no
more than a few of those threads (models.delivery.Room). What has been claimed but not written when
a process dies is due again when its lease is over.
"""

import heapq
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from uuid import UUID

import structlog
from django.db import close_old_connections, connection

from config import egress
from webhooks import signing, transitions
from webhooks.models import Delivery
from webhooks.models.delivery import Room
from webhooks.outcome import Outcome

log = structlog.get_logger(__name__)

SLOTS = 128
PAUSE_AFTER_ERROR = 1.0  # seconds
# Whoever may not be called, is not found, refuses or is silent: all come to light at the same time
# after the attempt, so that the time tells nobody what there is in our network (SS-10).
UNREACHABLE_SHOWS_AFTER = egress.CONNECT_SECONDS
HEADERS = {
    "content-type": "application/json; charset=utf-8",
    "user-agent": "Sayso-Webhooks/1",
}


@dataclass(order=True, slots=True)
class _News:
    """An outcome, and when it may be written."""

    ready: float
    outcome: Outcome = field(compare=False)


class Courier:
    """Carries what is due. All of it but `wake` belongs to one thread."""

    def __init__(self) -> None:
        self._carried: dict[tuple[UUID, int], Delivery] = {}  # claimed and not written yet
        self._jobs: SimpleQueue[Delivery | None] = SimpleQueue()
        self._threads = 0
        self._busy = 0
        self._news: SimpleQueue[_News | None] = SimpleQueue()
        self._held: list[_News] = []
        self.is_stopping = False

    def run(self) -> None:
        """Carry whatever becomes due, whenever woken, until told to stop."""
        while not self.is_stopping:
            try:
                close_old_connections()
                self.carry()
                if not self.is_stopping:
                    self._news.get()
            except Exception:
                log.exception("courier.failed")
                connection.close()
                time.sleep(PAUSE_AFTER_ERROR)
        connection.close()
        self.close()

    def wake(self) -> None:
        """Look for due deliveries again. From any thread."""
        self._news.put(None)

    def carry(self) -> None:
        """Carry everything that is due now, and return when all of it is written down."""
        self._send_due()
        while self._carried:
            self._settle(self._await_outcomes())
            self._send_due()

    def close(self) -> None:
        """Let the threads go once they are done."""
        for _ in range(self._threads):
            self._jobs.put(None)
        self._threads = 0

    def _send_due(self) -> None:
        room = Room(self._carried.values())
        while not self.is_stopping and self._busy < SLOTS:
            full = len(room.full)
            claimed = Delivery.claim_due(most=SLOTS - self._busy, room=room)
            self._send(claimed)
            if not claimed and len(room.full) == full:
                return

    def _send(self, claimed: list[Delivery]) -> None:
        off = [each for each in claimed if not each.endpoint.enabled]
        if off:
            transitions.skip(off)
        for delivery in claimed:
            if delivery.endpoint.enabled:
                self._carried[delivery.pk, delivery.attempts] = delivery
                self._hand_out(delivery)

    def _hand_out(self, delivery: Delivery) -> None:
        if self._busy == self._threads:
            threading.Thread(target=self._work, name="sender", daemon=True).start()
            self._threads += 1
        self._busy += 1
        self._jobs.put(delivery)

    def _work(self) -> None:
        while (delivery := self._jobs.get()) is not None:
            started = time.monotonic()
            outcome = attempt(delivery)
            is_hidden = outcome.error == egress.Unreachable.word
            self._news.put(_News(started + UNREACHABLE_SHOWS_AFTER * is_hidden, outcome))

    def _await_outcomes(self) -> list[Outcome]:
        """Return the outcomes that may be written; none when there is other news."""
        wait = max(self._held[0].ready - time.monotonic(), 0) if self._held else None
        try:
            self._take_note(self._news.get(timeout=wait))
            while True:
                self._take_note(self._news.get_nowait())
        except Empty:
            pass
        ready = []
        while self._held and (self._held[0].ready <= time.monotonic() or self.is_stopping):
            ready.append(heapq.heappop(self._held).outcome)
        return ready

    def _take_note(self, news: _News | None) -> None:
        if news is not None:
            self._busy -= 1
            heapq.heappush(self._held, news)

    def _settle(self, outcomes: list[Outcome]) -> None:
        try:
            if outcomes:
                transitions.settle(outcomes)
        finally:
            for outcome in outcomes:
                del self._carried[outcome.delivery.pk, outcome.delivery.attempts]


def _keys_of(delivery: Delivery) -> list[str]:
    """Return the keys with which a claimed delivery is signed, the newest first."""
    at = _begun(delivery)
    rows = [each for each in delivery.endpoint.signing_keys.all() if each.signs_at(at)]
    return [each.key for each in rows[: signing.MOST_SIGNATURES]]


def _begun(delivery: Delivery) -> datetime:
    """Return when a claimed delivery was claimed."""
    assert delivery.next_attempt_at is not None
    return delivery.next_attempt_at - Delivery.LEASE


def attempt(delivery: Delivery) -> Outcome:
    """Try once to hand a claimed delivery over; talk to nobody but the receiver."""
    at = _begun(delivery)
    body = delivery.body.encode()
    started = time.monotonic()
    try:
        signed = signing.headers(
            _keys_of(delivery), id=delivery.webhook_id, timestamp=int(at.timestamp()), body=body
        )
        reply = egress.request("POST", delivery.endpoint.url, headers=HEADERS | signed, body=body)
    except egress.EgressError as error:
        return Outcome.of_failure(delivery, error, at=at, latency=_since(started))
    except Exception as error:  # a bug of ours must not lose the delivery, nor stop the courier
        log.exception("delivery.failed", delivery=delivery.public_id)
        failure = egress.EgressError(repr(error))
        return Outcome.of_failure(delivery, failure, at=at, latency=_since(started))
    return Outcome.of_reply(delivery, reply, at=at, latency=_since(started))


def _since(started: float) -> timedelta:
    return timedelta(milliseconds=round((time.monotonic() - started) * 1000))


@dataclass(slots=True)
class _Service:
    """The courier of this process and its thread, once there is something to do."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    courier: Courier | None = None
    thread: threading.Thread | None = None


_service = _Service()


def wake() -> None:
    """Let this process's courier look for due deliveries; start it if it does not run."""
    with _service.lock:
        if _service.courier is None or _service.thread is None:
            _service.courier = Courier()
            _service.thread = threading.Thread(
                target=_service.courier.run, name="courier", daemon=True
            )
            _service.thread.start()
        _service.courier.wake()


def stop(*, within: float) -> None:
    """Take no more, and write down what comes back within so many seconds."""
    with _service.lock:
        courier, thread = _service.courier, _service.thread
        _service.courier = _service.thread = None
    if courier is not None and thread is not None:
        courier.is_stopping = True
        courier.wake()
        thread.join(within)
