"""Thousands of asks, made by SQL: what a big installation has, and a few of each rare kind."""

from django.db import connection

from tracks.models import ApiKey, Workspace

_KEY = "lpad(to_hex(n), 32, '0')::uuid"
# A day has few of them: reading the tracks of a day one by one is clearly less than reading all.
_AT = "timestamptz '2026-01-01' + interval '40 minutes' * n"
_TRACKS = f"""
    INSERT INTO tracks_track (id, workspace_id, slug, creation_digest, title, status,
        customer_email, external_id, metadata, seq, head_hash, failure_retryable, created_at,
        updated_at)
    SELECT {_KEY}, %(workspace)s, 's' || lpad(n::text, 21, '0'), '', 'Track ' || n,
        CASE WHEN n %% 1000 = 0 THEN 'failed' WHEN n %% 500 = 1 THEN 'active'
             ELSE 'completed' END,
        'c' || n || '@cust.example', 'EXT-' || n, '{{}}', 1, repeat('0', 64), false, {_AT}, {_AT}
    FROM generate_series(1, %(asks)s) AS n
"""
_ASKS = f"""
    INSERT INTO approvals_ask (id, workspace_id, track_id, content_digest, kind, prompt, config,
        risk, needed, notify, is_quiet, asked_by, asked_by_key, timeout_seconds, escalate_to,
        comment_wanted_for, delegation, display_digest, created_at, expires_at, ends_at,
        due_at, status, closed_at)
    SELECT {_KEY}, %(workspace)s, {_KEY}, '', 'confirm', 'Pay invoice ' || n || '?',
        '{{"accept_label":"Yes","reject_label":"No"}}',
        CASE WHEN n %% 1000 = 0 THEN 'high' WHEN n %% 2 = 0 THEN 'low' END, 1, true, false,
        CASE WHEN n %% 1000 = 3 THEN 'Rare' WHEN n %% 2 = 1 THEN 'Coupa' ELSE 'Bookkeeper' END,
        CASE WHEN n %% 2 = 1 THEN '' WHEN n %% 1000 = 2 THEN 'rarerarerare'
             ELSE '0123456789ab' END,
        60, '[]', '[]', '', '', {_AT}, {_AT} + interval '30 days',
        CASE WHEN n %% 500 = 1 THEN now() + interval '9 days' ELSE {_AT} + interval '30 days' END,
        CASE WHEN n %% 5 = 1 THEN {_AT} + interval '1 day' END,
        CASE WHEN n %% 500 = 1 THEN 'open' WHEN n %% 500 = 2 THEN 'cancelled'
             WHEN n %% 500 = 3 THEN 'timeout' ELSE 'answered' END,
        CASE WHEN n %% 500 = 1 THEN NULL ELSE {_AT} END
    FROM generate_series(1, %(asks)s) AS n
"""
_APPROVERS = """
    INSERT INTO approvals_approver (id, workspace_id, canonical, address)
    SELECT gen_random_uuid(), %(workspace)s, name, name FROM (
        SELECT 'p' || n || '@acme.com' AS name FROM generate_series(0, 99) AS n
        UNION SELECT 'rare@acme.com') AS names
"""
_SEATS = """
    INSERT INTO approvals_seat (ask_id, position, approver_id)
    SELECT a.id, 0, p.id FROM (
        SELECT id, row_number() OVER (ORDER BY id) AS n FROM approvals_ask) AS a
    JOIN approvals_approver p ON p.canonical =
        CASE WHEN n % 1000 = 4 THEN 'rare@acme.com' ELSE 'p' || n % 100 || '@acme.com' END
"""
_HOLDERS = """
    INSERT INTO approvals_holder (ask_id, seat_id, approver_id, kind, reason, at)
    SELECT ask_id, id, approver_id, 'asked', '', now() FROM approvals_seat
"""
_DECISIONS = """
    INSERT INTO approvals_decision (seat_id, ask_id, approver_id, value, comment, at, verified_by,
        verified_at, form_nonce, ip, user_agent)
    SELECT s.id, s.ask_id, s.approver_id, 'true', CASE WHEN s.id % 1000 = 0 THEN 'Fine' END,
        a.closed_at, 'email_link', a.closed_at, '', '192.0.2.7', 'Firefox'
    FROM approvals_seat s JOIN approvals_ask a ON a.id = s.ask_id WHERE a.status = 'answered'
"""
_ANSWERS = """
    INSERT INTO approvals_answer (ask_id, decision_id, value)
    SELECT ask_id, id, 'true' FROM approvals_decision
"""
_MAILS = """
    INSERT INTO approvals_notification (id, kind, ordinal, about, track_id, ask_id, approver_id,
        attempts, last_error, created_at, sent_at, failed_at, message_id, subject)
    SELECT gen_random_uuid(), 'ask', 0, '', a.track_id, a.id, s.approver_id, 1, '', a.created_at,
        a.created_at, CASE WHEN s.id % 1000 = 0 THEN a.created_at END, '', ''
    FROM approvals_ask a JOIN approvals_seat s ON s.ask_id = a.id
"""
_EVENTS = f"""
    INSERT INTO tracks_event (id, workspace_id, track_id, seq, type, actor_type, actor_name, at,
        data_commitment, prev_hash, hash)
    SELECT {_KEY}, %(workspace)s, {_KEY}, 1, 'track.created', 'agent', 'Bookkeeper', {_AT}, '',
        repeat('0', 64), ''
    FROM generate_series(1, %(asks)s) AS n
"""


def fill(workspace: Workspace, *, asks: int) -> None:
    """Store so many asks, each on a track with one event, and let the database learn of them."""
    ApiKey.issue(workspace=workspace, name="Bookkeeper")
    with connection.cursor() as cursor:
        for statement in (_TRACKS, _ASKS, _EVENTS):
            cursor.execute(statement, {"workspace": workspace.pk, "asks": asks})
        cursor.execute(_APPROVERS, {"workspace": workspace.pk})
        for statement in (_SEATS, _HOLDERS, _DECISIONS, _ANSWERS, _MAILS):
            cursor.execute(statement)
        cursor.execute("ANALYZE")
