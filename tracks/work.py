"""Rows that are work for later. Moving a row's due time claims it: two workers never share one.

Poke for speed, sweep for certainty: after a commit a task is sent by name for the row; a periodic
task sends one again for every row that is due. Losing the broker makes work late, never lost.
"""

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Self

import structlog
from celery import current_app
from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import F
from django.utils.module_loading import import_string

from tracks.clock import database_now
from tracks.transactions import after_commit

log = structlog.get_logger(__name__)

# For what goes by mail: a server may take its fifteen seconds (EMAIL_TIMEOUT) for each of a dozen
# steps, and whoever takes the row meanwhile sends the mail twice.
MAIL_LEASE = timedelta(minutes=5)


class Work(models.Model):
    """Something a worker must do; `next_attempt_at` is null once there is nothing left to do."""

    LEASE = timedelta(seconds=60)

    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)

    class Meta:
        abstract = True

    @classmethod
    def claim(cls, pk: Any) -> Self | None:
        """Take the row for this worker, or return None if another has it or it is not due."""
        now = database_now()
        taken = cls._default_manager.filter(pk=pk, next_attempt_at__lte=now).update(
            next_attempt_at=now + cls.LEASE, attempts=F("attempts") + 1
        )
        return cls._default_manager.get(pk=pk) if taken else None

    @classmethod
    @transaction.atomic
    def claim_all(cls, pks: Collection[Any]) -> list[Self]:
        """Take those of several rows that are due and no other worker has, the oldest first."""
        now = database_now()
        due = cls._default_manager.filter(pk__in=pks, next_attempt_at__lte=now)
        rows = list(due.select_for_update(skip_locked=True).order_by("next_attempt_at", "pk"))
        mine = cls._default_manager.filter(pk__in=[row.pk for row in rows])
        mine.update(next_attempt_at=now + cls.LEASE, attempts=F("attempts") + 1)
        for row in rows:
            row.attempts, row.next_attempt_at = row.attempts + 1, now + cls.LEASE
        return rows

    @classmethod
    def due(cls, *, limit: int) -> list[Any]:
        """Return the keys of rows that are due, the oldest first."""
        rows = cls._default_manager.filter(next_attempt_at__lte=database_now())
        return list(rows.order_by("next_attempt_at").values_list("pk", flat=True)[:limit])

    def write_outcome(self, **outcome: Any) -> bool:
        """Write what came of this attempt; False if the lease ran out and another took the row."""
        rows = type(self)._default_manager.filter(pk=self.pk, attempts=self.attempts)
        return rows.update(**outcome) == 1

    def retry(self, *, after: timedelta, error: str) -> bool:
        """Put the row back for a later attempt and keep what went wrong."""
        due: datetime = database_now() + after
        return self.write_outcome(next_attempt_at=due, last_error=error[:2000])

    def put_off(self, *, after: timedelta) -> bool:
        """Put the row back for later as it was before it was taken: nothing was attempted."""
        due: datetime = database_now() + after
        return self.write_outcome(next_attempt_at=due, attempts=self.attempts - 1)


def poke(task: str, *args: Any) -> None:
    """Ask for a task now. A failure is logged: the sweep finds the row anyway."""
    if task in settings.IN_PROCESS_TASKS:
        run_in_background(import_string(task), *args)
        return
    try:
        current_app.send_task(task, args=args, retry=False, ignore_result=True)
    except Exception as error:
        log.warning("poke.failed", task=task, error=repr(error))


def poke_after_commit(task: str, *args: Any) -> None:
    """Ask for a task once the surrounding transaction is committed, and never if it is not."""
    after_commit(poke, task, *args)


def run_in_background(function: Callable[..., Any], *args: Any) -> None:
    """Run a function soon, in a thread of this process; what it raises is logged."""
    _background().submit(_run, function, args)


@cache
def _background() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="background")


def _run(function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    try:
        function(*args)
    except Exception:
        log.exception("background.failed", function=function.__name__)
    finally:
        connection.close()
