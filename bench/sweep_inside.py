"""What `bench.sweep` does inside an installation."""

import time

from django.db import connection

from approvals import sweeps
from approvals.models import Ask
from tracks.models import Event, Workspace

DUE = 1000

# Asks as they are stored, each on a track of its own: closed ones, and open ones that are due.
TRACKS = """
    INSERT INTO tracks_track (id, workspace_id, slug, creation_digest, title, status, metadata, seq,
        head_hash, failure_retryable, created_at, updated_at)
    SELECT gen_random_uuid(), %s, %s || lpad(n::text, 21, '0'), '', 'Bench', 'active', '{}', 0,
        repeat('0', 64), false, now() - interval '1 day', now() - interval '1 day'
    FROM generate_series(1, %s) AS n
"""
ASKS = """
    INSERT INTO approvals_ask (id, workspace_id, track_id, content_digest, kind, prompt, config,
        needed, notify, is_quiet, asked_by, asked_by_key, timeout_seconds, escalate_to,
        comment_wanted_for, delegation, display_digest, created_at, expires_at, ends_at,
        status, closed_at)
    SELECT gen_random_uuid(), workspace_id, id, '', 'confirm', 'Go on?',
        '{"accept_label":"Yes","reject_label":"No"}', 1, true, false, 'Bench', '0123456789ab', 60,
        '[]', '[]', '', '', created_at, created_at + interval '1 minute',
        created_at + interval '1 minute', %s,
        CASE WHEN %s = 'open' THEN NULL ELSE created_at + interval '30 seconds' END
    FROM tracks_track WHERE slug LIKE %s
"""


def fill(name: str, stored: str) -> int:
    """Store so many asks that are closed; return how many there are then."""
    _insert(name, int(stored) - Ask.objects.count(), status="answered")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return Ask.objects.count()


def sweep(name: str) -> dict[str, float]:
    """Let a thousand asks be due, and sweep them; return the seconds that took.

    `processor` is the part of this process; the rest is PostgreSQL's, and waiting for it.
    """
    _insert(name, DUE, status="open")
    before = Event.objects.count()
    started, processor = time.perf_counter(), time.process_time()
    while sweeps.record_timeouts():  # one run is bounded; the last finds nothing
        pass
    seconds, processor = time.perf_counter() - started, time.process_time() - processor
    assert Event.objects.count() == before + DUE
    return {"seconds": seconds, "processor": processor}


def _insert(name: str, number: int, *, status: str) -> None:
    workspace, _ = Workspace.objects.get_or_create(name="Bench")
    with connection.cursor() as cursor:
        cursor.execute(TRACKS, [workspace.pk, name, number])
        cursor.execute(ASKS, [status, status, f"{name}%"])
