"""Triggers refuse what no program may do, on the database at hand (CO-01, AU-02, AI-08)."""

from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.core.checks import run_checks
from django.db import Error, IntegrityError, connection, transaction

from approvals.models import Ask
from config.checks import check_triggers
from tests.conftest import Clock
from tests.factories import AskFactory, answer
from tracks.apps import GuardedConfig
from tracks.ids import new_id
from tracks.models import Event, Track
from tracks.triggers import Trigger, install, missing

POSTGRESQL = pytest.mark.postgresql


def execute(statement: str, *params: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, params)


def key(row: Any) -> Any:
    return row.pk if connection.vendor == "postgresql" else row.pk.hex


def triggers() -> list[Trigger]:
    return [
        trigger
        for config in apps.get_app_configs()
        if isinstance(config, GuardedConfig)
        for trigger in config.triggers
    ]


# -- events ----------------------------------------------------------------------------------------

EVENT_COLUMNS = [
    field.column for field in Event._meta.concrete_fields if field.column not in ("id", "track_id")
]


@pytest.mark.parametrize("column", EVENT_COLUMNS)
def test_an_event_cannot_be_changed(track: Track, column: str) -> None:
    """AU-02."""
    event = Event.objects.get(track=track)
    with pytest.raises(Error, match="an event is never changed"):
        execute(f"UPDATE tracks_event SET {column} = {column} WHERE id = %s", key(event))


def test_not_even_by_django(track: Track) -> None:
    event = Event.objects.get(track=track)
    event.actor_name = "somebody else"
    with pytest.raises(Error, match="an event is never changed"), transaction.atomic():
        event.save()
    with pytest.raises(Error, match="an event is never changed"), transaction.atomic():
        Event.objects.update(type="x")
    assert Event.objects.get(track=track).actor_name == "Bookkeeper"


@POSTGRESQL
def test_an_event_cannot_be_deleted(track: Track) -> None:
    event = Event.objects.get(track=track)
    with pytest.raises(Error, match="an event is never deleted"):
        execute("DELETE FROM tracks_event WHERE id = %s", key(event))


@POSTGRESQL
def test_the_event_log_cannot_be_emptied(track: Track) -> None:
    (trigger,) = [each for each in triggers() if each.operation == "TRUNCATE"]
    with transaction.atomic():
        execute("SET CONSTRAINTS ALL IMMEDIATE")
        install([trigger])  # the settings of the tests leave it out for the flush
        with pytest.raises(Error, match="the event log is never emptied"):
            execute("TRUNCATE tracks_event CASCADE")
        transaction.set_rollback(True)


# -- asks ------------------------------------------------------------------------------------------


@pytest.fixture
def ask(track: Track, clock: Clock) -> Ask:
    return AskFactory(
        track=track,
        key="k",
        action_digest="sha256:" + "0" * 64,
        due_at=clock.now,
        config={"accept_label": "Yes", "reject_label": "No", "risk": "high"},
    )


CLOSED = ["answered", "timeout", "cancelled"]


def close(ask: Ask, status: str, clock: Clock) -> None:
    if status == "answered":
        answer(ask, True)
    else:
        assert ask.close(Ask.Status(status), at=clock.now)


@pytest.mark.parametrize("status", CLOSED)
@pytest.mark.parametrize("to", ["open", *CLOSED])
def test_a_closed_ask_never_leaves_its_state(ask: Ask, clock: Clock, status: str, to: str) -> None:
    """CO-01."""
    close(ask, status, clock)
    closed_at = "NULL" if to == "open" else "closed_at"
    update = f"UPDATE approvals_ask SET status = %s, closed_at = {closed_at} WHERE id = %s"
    if to == status:
        execute(update, to, key(ask))  # nothing changes
    else:
        with pytest.raises(Error, match="a closed ask stays as it is"):
            execute(update, to, key(ask))
    ask.refresh_from_db()
    assert (ask.status, ask.closed_at) == (status, clock.now)


@pytest.mark.parametrize("status", CLOSED)
def test_the_time_it_closed_is_final_too(ask: Ask, clock: Clock, status: str) -> None:
    close(ask, status, clock)
    later = clock.now + timedelta(seconds=1)
    with pytest.raises(Error, match="a closed ask stays as it is"):
        execute("UPDATE approvals_ask SET closed_at = %s WHERE id = %s", later, key(ask))


@pytest.mark.parametrize("status", CLOSED)
def test_a_closed_ask_has_the_time_it_closed(ask: Ask, status: str) -> None:
    with pytest.raises(Error, match="ask_closed_has_time"):
        execute("UPDATE approvals_ask SET status = %s WHERE id = %s", status, key(ask))


CONTENT = {
    "kind": "'text'",
    "prompt": "'Approve all?'",
    "config": """'{"accept_label":"No","reject_label":"Yes"}'""",
    "risk": "'low'",
    "content_digest": "'x'",
    "needed": "2",
    "notify": "NOT notify",
    "due_at": "'2036-01-01 00:00:00'",
    "asked_by": "'Somebody'",
    "asked_by_key": "'x'",
    "timeout_seconds": "1",
    "created_at": "'2020-01-01 00:00:00'",
    "expires_at": "'2036-01-01 00:00:00'",
    "display_digest": "'sha256:x'",
    "key": "'other'",
    "action_digest": "'sha256:x'",
}


@pytest.mark.parametrize("column", CONTENT)
@pytest.mark.parametrize("is_closed", [False, True])
def test_the_content_of_an_ask_is_final(
    ask: Ask, clock: Clock, column: str, is_closed: bool
) -> None:
    """AI-08."""
    if is_closed:
        close(ask, "cancelled", clock)
    statement = f"UPDATE approvals_ask SET {column} = {CONTENT[column]} WHERE id = %s"
    with pytest.raises(Error, match="the content of an ask is never changed"):
        execute(statement, key(ask))


@pytest.mark.parametrize("column", ["key", "action_digest", "risk"])
def test_what_was_there_cannot_be_taken_away_nor_added_later(
    ask: Ask, track: Track, clock: Clock, column: str
) -> None:
    with pytest.raises(Error, match="the content of an ask is never changed"):
        execute(f"UPDATE approvals_ask SET {column} = NULL WHERE id = %s", key(ask))
    close(ask, "cancelled", clock)
    bare = AskFactory(track=track)
    with pytest.raises(Error, match="the content of an ask is never changed"):
        execute(f"UPDATE approvals_ask SET {column} = 'x' WHERE id = %s", key(bare))


@pytest.mark.parametrize("status", ["paused", "OPEN", ""])
def test_there_is_no_other_state(ask: Ask, clock: Clock, status: str) -> None:
    with pytest.raises(Error, match="ask_closed_has_time"):
        execute(
            "UPDATE approvals_ask SET status = %s, closed_at = %s WHERE id = %s",
            status,
            clock.now,
            key(ask),
        )


def test_a_second_open_ask_is_refused_by_the_database_itself(ask: Ask) -> None:
    """CO-04."""
    ask.pk, ask.key = new_id(), None
    with pytest.raises(IntegrityError), transaction.atomic():
        ask.save(force_insert=True)


# -- they are there --------------------------------------------------------------------------------


def test_every_trigger_of_this_database_is_installed(db: None) -> None:
    expected = set(settings.TRIGGERS_LEFT_OUT) if connection.vendor == "postgresql" else set()
    assert set(missing(triggers())) == expected


def test_installing_again_changes_nothing(ask: Ask, clock: Clock) -> None:
    wanted = [each for each in triggers() if each.name not in settings.TRIGGERS_LEFT_OUT]
    install(wanted)
    install(wanted)
    assert missing(wanted) == []
    close(ask, "cancelled", clock)
    with pytest.raises(Error, match="a closed ask stays as it is"):
        execute("UPDATE approvals_ask SET status = 'timeout' WHERE id = %s", key(ask))


@pytest.mark.parametrize("name", [each.name for each in triggers() if each.operation == "UPDATE"])
def test_the_system_check_reports_one_that_is_missing(db: None, name: str) -> None:
    (trigger,) = [each for each in triggers() if each.name == name]
    before = {message.msg for message in check_triggers(databases=["default"])}
    table = f"ON {trigger.table}" if connection.vendor == "postgresql" else ""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TRIGGER {name} {table}")
        found = check_triggers(databases=["default"])
        transaction.set_rollback(True)
    (message,) = [each for each in found if each.msg not in before]
    assert (message.id, message.msg) == (
        "sayso.E010",
        f"The database lacks the trigger {name}.",
    )
    assert message.hint == "Run manage.py migrate: it installs every trigger again."


@POSTGRESQL
def test_one_that_is_switched_off_is_missing(db: None) -> None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE tracks_event DISABLE TRIGGER event_is_final")
        assert "event_is_final" in missing(triggers())
        transaction.set_rollback(True)


def test_the_check_runs_with_the_database_checks(db: None) -> None:
    found = {message.id for message in run_checks(databases=["default"])}
    expected = {"sayso.E010"} if connection.vendor == "postgresql" else set()
    assert {each for each in found if each == "sayso.E010"} == expected
