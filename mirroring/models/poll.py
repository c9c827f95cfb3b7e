"""Where the polling of a connection stands, and what its last runs did."""

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from mirroring.models.connection import Connection
from tracks.ids import new_id
from tracks.work import MAIL_LEASE, Work


class Poll(Work):
    """One row a connection: whoever claims it is the one worker that talks to the system.

    It is due when the first of its jobs is. While it runs, each page renews the lease.
    """

    LEASE = timedelta(seconds=60)  # longer than one request and one page take

    connection = models.OneToOneField(
        Connection, on_delete=models.CASCADE, primary_key=True, related_name="poll"
    )
    cursor = models.TextField(null=True, help_text="Where the pass goes on, or the next begins.")
    pass_started_at = models.DateTimeField(null=True, help_text="Of the pass that is under way.")
    passed_at = models.DateTimeField(null=True, help_text="When the last whole pass had begun.")
    is_snapshot = models.BooleanField(default=False, help_text="A pass shows all that is pending.")
    pass_count = models.PositiveIntegerField(default=0, help_text="Read in the latest pass so far.")
    loaded_at = models.DateTimeField(
        null=True, help_text="Since when the first pass is over. Before that nobody is told."
    )
    delta_at = models.DateTimeField(help_text="When the system is asked what is new.")
    sweep_at = models.DateTimeField(help_text="When what was not seen lately is looked at.")
    check_at = models.DateTimeField(help_text="When the credentials are checked.")
    succeeded_at = models.DateTimeField(null=True, help_text="When a pass was over.")
    failed_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0, help_text="In a row.")
    error_kind = models.CharField(max_length=16, blank=True)
    paused_at = models.DateTimeField(null=True)
    pause_reason = models.TextField(blank=True)
    warning = models.TextField(blank=True, help_text="What somebody should look at.")
    is_healthy = models.BooleanField(null=True, help_text="As the last check found.")
    account = models.CharField(max_length=255, blank=True)
    health = models.TextField(blank=True)
    how_to_fix = models.TextField(blank=True)
    clock_skew = models.FloatField(null=True, help_text="Seconds that the system's clock is ahead.")
    checked_at = models.DateTimeField(null=True)
    accepts_missing = models.BooleanField(
        default=False, help_text="Staff have seen that what is missing is really gone."
    )

    class Meta:
        indexes: ClassVar = [
            # the beat asks every two seconds what is due
            models.Index(
                "next_attempt_at", name="poll_due", condition=Q(next_attempt_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"Polling of {self.connection}"

    @property
    def is_loading(self) -> bool:
        """Tell whether this is the first pass, of which nobody is told record by record."""
        return self.loaded_at is None


class Alert(Work):
    """A mail to whoever looks after a workspace: a connection does not work any more."""

    LEASE = MAIL_LEASE

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="alerts")
    reason = models.TextField()
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            # the sweep looks for what is due
            models.Index(
                "next_attempt_at", name="alert_due", condition=Q(next_attempt_at__isnull=False)
            ),
        ]


class Run(models.Model):
    """What one run of one job did."""

    class Job(models.TextChoices):
        DELTA = "delta"
        SWEEP = "sweep"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="runs")
    job = models.CharField(max_length=5, choices=Job)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    seen = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0, help_text="New ones included.")
    skipped = models.PositiveIntegerField(default=0)
    notes = models.JSONField(default=list, help_text="What was skipped, and why: the first few.")
    error = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            # the last runs of a connection
            models.Index("connection", F("started_at").desc(), name="run_latest"),
            # the last of them that could not read something: few among many
            models.Index(
                "connection",
                F("started_at").desc(),
                name="run_unread",
                condition=Q(skipped__gt=0),
            ),
            # the purge
            models.Index("started_at", name="run_age"),
        ]

    def __str__(self) -> str:
        return f"{self.job} {self.started_at:%Y-%m-%d %H:%M:%S}"
