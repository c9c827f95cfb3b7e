"""One message on its way to one endpoint, and each try to hand it over."""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import ClassVar, Self

from django.db import models, transaction
from django.db.models import F, Q

from tracks.clock import database_now
from tracks.ids import new_id, public_id
from tracks.models import Event
from tracks.work import Work
from webhooks.models.endpoint import Endpoint


class Delivery(Work):
    """The body is built once, so that every attempt sends the same bytes."""

    LEASE = timedelta(seconds=60)

    class Status(models.TextChoices):
        PENDING = "pending"  # not tried yet
        DELIVERED = "delivered"
        FAILED = "failed"  # tried, and will be again
        EXHAUSTED = "exhausted"  # will not be tried again by itself
        SKIPPED = "skipped"  # the endpoint was switched off

    class Trigger(models.TextChoices):
        """What an attempt goes back to."""

        EVENT = "event"
        TEST = "test"
        MANUAL = "manual"
        RECOVERY = "recovery"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="deliveries")
    event = models.ForeignKey(Event, on_delete=models.PROTECT, null=True)  # a test has none
    message_id = models.UUIDField()  # the event's; a test's own
    type = models.CharField(max_length=40)
    body = models.TextField()
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.PENDING)
    trigger = models.CharField(max_length=8, choices=Trigger.choices, default=Trigger.EVENT)
    attempts_before = models.PositiveIntegerField(
        default=0, help_text="Attempts of earlier rounds: a replay starts the retries anew."
    )
    created_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name_plural = "deliveries"
        constraints: ClassVar = [
            # a consumer that runs twice plans one delivery
            models.UniqueConstraint("endpoint", "message_id", name="delivery_once"),
        ]
        indexes: ClassVar = [
            # the courier looks for what is due
            models.Index(
                "next_attempt_at",
                name="delivery_due",
                condition=Q(next_attempt_at__isnull=False),
            ),
            # GET …/deliveries, newest first, and recovering since a moment
            models.Index("endpoint", F("id").desc(), name="delivery_newest"),
            # the purge
            models.Index("created_at", name="delivery_age"),
            # staff look for what was not taken: few among many; what is taken at once costs nothing
            models.Index(
                "created_at",
                name="delivery_failed",
                condition=Q(status__in=("failed", "exhausted")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.public_id}"

    @property
    def public_id(self) -> str:
        return public_id("dlv", self.pk)

    @property
    def webhook_id(self) -> str:
        return public_id("evt", self.message_id)

    @property
    def last_tried(self) -> "Attempt | None":
        """Return the last attempt, of those that are at hand or will be fetched."""
        return max(self.tried.all(), key=lambda each: each.number, default=None)

    @property
    def tries(self) -> int:
        """Return how often it was tried in this round, the running attempt included."""
        return self.attempts - self.attempts_before

    @classmethod
    @transaction.atomic
    def claim_due(cls, *, most: int, room: "Room") -> list[Self]:
        """Take deliveries that are due, the oldest first, as many per endpoint as it has room.

        Their endpoints come with them, and with those their signing keys.
        """
        now = database_now()
        due = cls.objects.filter(next_attempt_at__lte=now).exclude(endpoint__in=room.full)
        found = list(
            due.select_for_update(skip_locked=True)
            .order_by("next_attempt_at", "id")
            .values_list("pk", "endpoint_id")[:most]
        )
        endpoints = Endpoint.objects.prefetch_related("signing_keys").in_bulk(
            {endpoint_id for _, endpoint_id in found}
        )
        taken = [pk for pk, endpoint_id in found if room.take(endpoints[endpoint_id])]
        lease = now + cls.LEASE
        mine = cls.objects.filter(pk__in=taken)
        mine.update(next_attempt_at=lease, attempts=F("attempts") + 1)
        rows = list(mine)
        for row in rows:
            row.endpoint = endpoints[row.endpoint_id]
        return rows


class Room:
    """How many more attempts each endpoint may have under way in this process."""

    MOST = 16
    MOST_WHILE_FAILING = 2

    def __init__(self, under_way: Iterable[Delivery]) -> None:
        self._counts = Counter(each.endpoint_id for each in under_way)
        self.full = {pk for pk, count in self._counts.items() if count >= self.MOST}

    def take(self, endpoint: Endpoint) -> bool:
        """Count an attempt in, unless its endpoint has too many under way."""
        most = self.MOST if endpoint.failing_since is None else self.MOST_WHILE_FAILING
        if self._counts[endpoint.pk] >= most:
            self.full.add(endpoint.pk)
            return False
        self._counts[endpoint.pk] += 1
        return True


class Attempt(models.Model):
    """One try: when it began, what came back, how long it took."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="tried")
    number = models.PositiveIntegerField()
    trigger = models.CharField(max_length=8, choices=Delivery.Trigger.choices)
    at = models.DateTimeField()
    status_code = models.PositiveSmallIntegerField(null=True)
    latency_ms = models.PositiveIntegerField(null=True)
    error = models.CharField(max_length=40, null=True)
    excerpt = models.TextField(blank=True)
    url = models.CharField(max_length=2048)
    peer = models.CharField(max_length=45, blank=True)
    detail = models.CharField(max_length=500, blank=True, help_text="For operators alone.")

    class Meta:
        ordering: ClassVar = ["number"]
        constraints: ClassVar = [
            # the attempts of a delivery, in order
            models.UniqueConstraint("delivery", "number", name="attempt_number_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.number}: {self.status_code or self.error}"
