"""What `bench.admin` does inside an installation: make rows by SQL, and ask for pages."""

import statistics
import time
from collections.abc import Iterator
from typing import Any

import psycopg.sql
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.db import connection
from django.db.models import CharField, TextField
from django.test import Client

from approvals.models import Ask, Decision, Notification
from tracks.models import Event, Membership, Track, Workspace
from webhooks.models import Delivery

WORKSPACES = 10
TIMES = 9  # each page is asked for, after once to warm up
# A year of asks, the newest last. One in fifty is open, all of those from the last four weeks. The
# agent of the first 4000 has long been replaced; a clerk has cancelled one in ten thousand.
PLAN = """
    CREATE UNLOGGED TABLE bench_plan AS
    SELECT n, at, workspace_id, approver_id,
        v7(at, 't' || {name} || n) AS track_id, v7(at, 'a' || {name} || n) AS ask_id,
        CASE
            WHEN n > {number} * 0.92 AND n %% 4 = 0 THEN 'open'
            WHEN n %% 20 = 1 THEN 'cancelled'
            WHEN n %% 10 = 2 THEN 'timeout'
            ELSE 'answered'
        END AS status,
        n %% 5 <> 3 AS is_yes,
        LEAST(
            ('x' || substr(md5(n::text), 1, 7))::bit(28)::int %% 172800 * interval '1 second',
            now() - at
        ) AS taken
    FROM (
        SELECT n, now() - ({number} - n + 1) * interval '365 days' / {number} AS at
        FROM generate_series(1, {number}) AS n
    ) AS numbered
    JOIN bench_people ON place = n / 20 %% (SELECT count(*) FROM bench_people)
"""
FUNCTION = """
    CREATE OR REPLACE FUNCTION v7(at timestamptz, seed text) RETURNS uuid
    IMMUTABLE LANGUAGE sql AS $$
        SELECT (
            lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0')
            || '7' || substr(md5(seed), 1, 3) || '8' || substr(md5(seed), 4, 15)
        )::uuid
    $$
"""
PEOPLE = """
    INSERT INTO approvals_approver (id, workspace_id, canonical, address)
    SELECT gen_random_uuid(), w.id, p || '@acme.com', p || '@acme.com'
    FROM tracks_workspace AS w, generate_series(1, 500) AS p ON CONFLICT DO NOTHING;
    CREATE UNLOGGED TABLE bench_people AS
    SELECT row_number() OVER (ORDER BY canonical) - 1 AS place, workspace_id, id AS approver_id
    FROM approvals_approver;
    INSERT INTO webhooks_endpoint (id, workspace_id, url, event_types, description, scheme, enabled,
        disabled_reason, failures, created_at, updated_at)
    SELECT gen_random_uuid(), id, 'https://hooks.example.com/', '[]', '', 'v1', true, '', 0, now(),
        now()
    FROM tracks_workspace WHERE id NOT IN (SELECT workspace_id FROM webhooks_endpoint)
"""
ROWS = (
    """
    INSERT INTO tracks_track (id, workspace_id, slug, creation_digest, title, status,
        customer_email, external_id, metadata, seq, head_hash, failure_retryable, created_at,
        updated_at)
    SELECT track_id, workspace_id, substr(md5({name} || n), 1, 22), '', 'Invoices, batch ' || n,
        CASE WHEN status = 'open' THEN 'active' ELSE 'completed' END,
        'c' || n %% 10000 || '@cust.example',
        'PO-' || {name} || n, '{{}}', 5, lpad(to_hex(n * 8 + 5), 64, '0'), false, at, at + taken
    FROM bench_plan
    """,
    """
    INSERT INTO approvals_ask (id, workspace_id, track_id, content_digest, kind, prompt, config,
        risk, needed, notify, asked_by, asked_by_key, timeout_seconds, escalate_to,
        comment_wanted_for, delegation, display_digest, created_at, expires_at, ends_at,
        due_at, status, closed_at)
    SELECT ask_id, workspace_id, track_id, '', 'confirm', 'Pay invoice ' || n || '?',
        '{{"accept_label":"Yes","reject_label":"No"}}',
        CASE n %% 3 WHEN 0 THEN 'low' WHEN 1 THEN 'high' END, 1, true, 'Bookkeeper',
        '0123456789ab', 2592000, '[]', '[]', '', 'sha256:' || md5(n::text), at,
        at + interval '30 days', at + interval '30 days',
        CASE WHEN n %% 8 = 0 THEN at + interval '25 days' END, status,
        CASE WHEN status <> 'open' THEN at + taken END
    FROM bench_plan
    """,
    """
    INSERT INTO approvals_seat (ask_id, position, approver_id)
    SELECT ask_id, 0, approver_id FROM bench_plan ORDER BY n
    """,
    """
    INSERT INTO approvals_holder (ask_id, seat_id, approver_id, kind, reason, at)
    SELECT ask_id, seat.id, approver_id, 'asked', '', at
    FROM bench_plan JOIN approvals_seat AS seat USING (ask_id, approver_id) ORDER BY n
    """,
    """
    INSERT INTO approvals_decision (ask_id, seat_id, approver_id, value, at, verified_by,
        verified_at, form_nonce, ip, user_agent)
    SELECT ask_id, seat.id, approver_id, CASE WHEN is_yes THEN 'true' ELSE 'false' END, at + taken,
        'email_link', at + taken, 'form-' || n, '192.0.2.7', 'Firefox'
    FROM bench_plan JOIN approvals_seat AS seat USING (ask_id, approver_id)
    WHERE status = 'answered' ORDER BY n
    """,
    """
    INSERT INTO approvals_answer (ask_id, decision_id, value)
    SELECT ask_id, decision.id, decision.value
    FROM bench_plan JOIN approvals_decision AS decision USING (ask_id) ORDER BY n
    """,
    """
    INSERT INTO approvals_firstview (ask_id, approver_id, at, ip, user_agent)
    SELECT ask_id, approver_id, at + taken / 2, '192.0.2.7', 'Firefox'
    FROM bench_plan WHERE status = 'answered' OR n %% 8 = 0 ORDER BY n
    """,
    """
    INSERT INTO approvals_notification (id, kind, ordinal, track_id, ask_id, approver_id, attempts,
        created_at, sent_at, failed_at, last_error, message_id, subject)
    SELECT v7(at, 'n' || {name} || n), 'ask', 0, track_id, ask_id, approver_id, 1, at,
        CASE WHEN n %% 100 <> 4 THEN at END, CASE WHEN n %% 100 = 4 THEN at END, '',
        CASE WHEN n %% 100 <> 4 THEN 'm' || {name} || n ELSE '' END, ''
    FROM bench_plan
    """,
    """
    INSERT INTO tracks_event (id, workspace_id, track_id, seq, type, actor_type, actor_name, at,
        data_commitment, prev_hash, hash)
    SELECT v7(at + (seq - 1) * taken / 4, seq || {name} || n), workspace_id, track_id, seq,
        (ARRAY['track.created', 'input_request.created', 'approver.notified', 'approver.viewed',
            CASE status WHEN 'open' THEN 'action.logged' ELSE 'input_request.' || status END])[seq],
        CASE WHEN seq = 5 AND n %% 10000 = 1 THEN 'staff'
            ELSE (ARRAY['agent', 'agent', 'system', 'approver', 'approver'])[seq] END,
        CASE WHEN seq = 5 AND n %% 10000 = 1 THEN 'clerk@acme.com'
            WHEN seq <= 2 AND n <= 4000 THEN 'Clippy'
            ELSE (ARRAY['Bookkeeper', 'Bookkeeper', 'sayso', 'cfo@acme.com', 'cfo@acme.com'])[seq]
        END,
        at + (seq - 1) * taken / 4, lpad(to_hex(n), 64, 'd'),
        lpad(to_hex(n * 8 + seq - 1), 64, '0'), lpad(to_hex(n * 8 + seq), 64, '0')
    FROM bench_plan, generate_series(1, 5) AS seq
    """,
    """
    INSERT INTO tracks_eventdata (event_id, data, salt)
    SELECT v7(at + (seq - 1) * taken / 4, seq || {name} || n),
        '{{"text":"Pay invoice ' || n || '?"}}', ''
    FROM bench_plan, generate_series(1, 5) AS seq
    """,
    """
    INSERT INTO webhooks_delivery (id, endpoint_id, event_id, message_id, type, body, status,
        trigger, attempts, attempts_before, last_error, created_at, settled_at)
    SELECT v7(at, 'd' || {name} || n), endpoint.id, v7(at + taken, 5 || {name} || n),
        v7(at + taken, 5 || {name} || n), 'input_request.answered', '{{}}',
        CASE n %% 1000 WHEN 5 THEN 'exhausted' ELSE 'delivered' END, 'event', 1, 0,
        '', at + taken, at + taken
    FROM bench_plan JOIN webhooks_endpoint AS endpoint USING (workspace_id)
    WHERE n %% 5 = 0 AND at > now() - interval '90 days' ORDER BY n
    """,
)


def fill(name: str, stored: str) -> dict[str, int]:
    """Store asks until there are so many, with all that belongs to them; return what there is."""
    for number in range(WORKSPACES):
        Workspace.objects.get_or_create(name=f"Bench {number}")
    missing = int(stored) - Ask.objects.count()
    with connection.cursor() as cursor:
        _give_defaults(cursor)
        # A million rows are made to fit by what makes them; checking each key takes half an hour.
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(FUNCTION)
        cursor.execute(PEOPLE)
        for statement in (PLAN, *ROWS):
            ready = statement.format(name="%(name)s", number="%(number)s::int")
            cursor.execute(ready, {"name": name, "number": missing})
        cursor.execute("DROP TABLE bench_plan, bench_people")
        cursor.execute("VACUUM ANALYZE")
    return {"asks": Ask.objects.count(), "events": Event.objects.count()}


def _give_defaults(cursor: Any) -> None:
    """Let the database fill in what Django would: columns that come later need no change here."""
    for model in (Track, Ask, Notification, Decision, Delivery):
        for field in model._meta.concrete_fields:
            plain = isinstance(field.default, str | int | bool) and field.has_default()
            if field.null or not (plain or isinstance(field, CharField | TextField)):
                continue
            value = field.get_prep_value(field.default if plain else "")
            name = f"ALTER TABLE {model._meta.db_table} ALTER COLUMN {field.column} SET DEFAULT"
            cursor.execute(f"{name} {psycopg.sql.Literal(value).as_string()}")


def measure() -> dict[str, dict[str, float]]:
    """Return how long the server takes for each page, in milliseconds, by its name.

    `best` is the quickest of several: whatever else the machine does makes a page slower.
    """
    found = {}
    for who, client in (("all", _boss()), ("two of ten", _viewer())):
        for page, url, is_fresh in _pages():
            times = _times(client, url, is_fresh=is_fresh)
            p50, best = statistics.median(times), min(times)
            found[f"{page}, {who}"] = {"p50": round(p50, 1), "best": round(best, 1)}
    return found


def _pages() -> Iterator[tuple[str, str, bool]]:
    track = Track.objects.order_by("id")[Track.objects.count() // 2]
    ask = track.asks.get()
    yield "home, read anew", "/admin/", True
    yield "home, kept for a minute", "/admin/", False
    for name in ("tracks/track", "approvals/ask", "tracks/event", "webhooks/delivery"):
        yield f"list of {name}", f"/admin/{name}/", False
    yield "list of approvals/ask, timed out", "/admin/approvals/ask/?status__exact=timeout", False
    for which, query in _looks(ask).items():
        yield f"list of tracks/event, {which}", f"/admin/tracks/event/?{query}", False
    yield "list of webhooks/endpoint", "/admin/webhooks/endpoint/", False
    yield "one ask", f"/admin/approvals/ask/{ask.pk}/change/", False
    yield "one track", f"/admin/tracks/track/{track.pk}/change/", False


def _looks(ask: Ask) -> dict[str, str]:
    """Return what the log is filtered by and searched for, with the query of each."""
    own, cancelled = f"workspace__id__exact={ask.workspace_id}", "type=input_request.cancelled"
    return {
        "of a type": cancelled,
        "by nobody": "actor=Nobody",
        "by nobody, own, of a type": f"actor=Nobody&{own}&{cancelled}",
        "by few": "actor=clerk@acme.com",
        "by few, own, of a type": f"actor=clerk@acme.com&{own}&{cancelled}",
        "by a former agent": "actor=Clippy",
        "by a rare kind": "actor_type=staff",
        "by a kind of none": "actor_type=connection",
        "search, unknown": "q=PO-4711-unknown",
        "search, external id": f"q={ask.track.external_id}",
        "search, reference": f"q={ask.reference}",
        "search, approver": "q=7@acme.com",
        "search, customer": "q=c7@cust.example",
        "search, unknown address": "q=nobody@acme.com",
    }


def _boss() -> Client:
    return _signed_in(
        get_user_model().objects.get_or_create(username="boss", is_staff=True, is_superuser=True)[0]
    )


def _viewer() -> Client:
    user, is_new = get_user_model().objects.get_or_create(username="viewer", is_staff=True)
    if is_new:
        user.groups.add(Group.objects.get(name="Viewer"))
        for workspace in Workspace.objects.order_by("name")[:2]:
            Membership.objects.create(user=user, workspace=workspace)
    # The one whose track is shown is among theirs.
    middle = Track.objects.order_by("id")[Track.objects.count() // 2]
    Membership.objects.get_or_create(user=user, workspace=middle.workspace)
    return _signed_in(user)


def _signed_in(user: Any) -> Client:
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(user)
    return client


def _times(client: Client, url: str, *, is_fresh: bool) -> list[float]:
    times = []
    for _ in range(TIMES + 1):
        if is_fresh:
            cache.clear()
        started = time.perf_counter()
        answer = client.get(url)
        times.append((time.perf_counter() - started) * 1000)
        assert answer.status_code == 200, (url, answer.status_code)
    return times[1:]
