"""What came of one attempt. No database."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from config import egress
from webhooks import retries
from webhooks.models import Attempt, Delivery

EXCERPT_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`latency` is None when the endpoint was not reached: the time would tell too much."""

    delivery: Delivery  # as it was claimed
    at: datetime
    latency: timedelta | None
    status_code: int | None = None
    error: str | None = None
    excerpt: str = ""
    peer: str = ""
    detail: str = ""
    retry_after: timedelta | None = None
    asks_to_stop: bool = False

    @classmethod
    def of_reply(
        cls, delivery: Delivery, reply: egress.Reply, *, at: datetime, latency: timedelta
    ) -> "Outcome":
        """Return the outcome of an attempt that was answered."""
        asked = reply.headers.get("retry-after", "")
        return cls(
            delivery=delivery,
            at=at,
            latency=latency,
            status_code=reply.status,
            excerpt=excerpt(reply.body),
            peer=reply.peer,
            retry_after=retries.read_retry_after(asked, now=at + latency),
            asks_to_stop=reply.headers.get("webhook-delivery") == "abort-message",
        )

    @classmethod
    def of_failure(
        cls, delivery: Delivery, error: egress.EgressError, *, at: datetime, latency: timedelta
    ) -> "Outcome":
        """Return the outcome of an attempt that was not."""
        return cls(
            delivery=delivery,
            at=at,
            latency=None if isinstance(error, egress.Unreachable) else latency,
            status_code=error.status,
            error=error.word,
            detail=str(error)[:500],
        )

    @property
    def is_success(self) -> bool:
        return self.error is None and self.status_code is not None and 200 <= self.status_code < 300

    @property
    def is_gone(self) -> bool:
        return self.status_code == 410

    @property
    def ended_at(self) -> datetime:
        return self.at + (self.latency or timedelta())

    @property
    def summary(self) -> str:
        return self.error or f"The receiver answered {self.status_code}."

    def as_attempt(self) -> Attempt:
        """Return the row that keeps it."""
        delivery = self.delivery
        return Attempt(
            delivery=delivery,
            number=delivery.attempts,
            trigger=delivery.trigger,
            at=self.at,
            status_code=self.status_code,
            latency_ms=None if self.latency is None else self.latency // timedelta(milliseconds=1),
            error=self.error,
            excerpt=self.excerpt,
            url=delivery.endpoint.url,
            peer=self.peer,
            detail=self.detail,
        )


def excerpt(body: bytes) -> str:
    """Return the beginning of a response as text of at most 4 kB that can be stored and shown."""
    text = body[:EXCERPT_BYTES].decode("utf-8", "replace")
    shown = "".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in text)
    return shown.encode()[:EXCERPT_BYTES].decode("utf-8", "ignore")
