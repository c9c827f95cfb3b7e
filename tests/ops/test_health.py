"""/healthz, /readyz and who may see /metrics."""

import threading
import time

import pytest
from django.db import OperationalError, connection
from django.test import Client
from pytest_django import Settings

from config import health

ALL_GOOD = {"database": "ok", "migrations": "ok", "broker": "ok"}
TOKEN = "a-token-that-is-long-enough"


def test_a_living_process_answers_without_a_database(client: Client) -> None:
    # No django_db mark: a query would fail the test.
    response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.django_db(transaction=True)
def test_ready_when_everything_answers(client: Client) -> None:
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"status": "ok", "checks": ALL_GOOD})


def test_not_ready_names_what_fails_and_no_more(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise OSError("redis://:secret@broker:6379 refused")

    checks = dict.fromkeys(ALL_GOOD, lambda: None) | {"broker": refuse}
    monkeypatch.setattr(health, "CHECKS", checks)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response["Content-Type"] == "application/problem+json"
    assert response["Retry-After"] == "2"
    body = response.json()
    assert body["code"] == "unavailable"
    assert body["detail"] == "Not ready: broker."
    assert body["checks"] == ALL_GOOD | {"broker": "failing"}
    assert "secret" not in response.content.decode()


def test_a_check_that_hangs_does_not_hang_the_answer(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()
    monkeypatch.setattr(health, "LONGEST_CHECK", 0.1)
    monkeypatch.setattr(health, "CHECKS", {"database": over.wait})
    started = time.monotonic()
    response = client.get("/readyz")
    taken = time.monotonic() - started
    over.set()
    assert response.status_code == 503
    assert response.json()["checks"] == {"database": "no answer in time"}
    assert taken < 2


@pytest.mark.django_db(transaction=True)
def test_a_missing_migration_is_not_ready(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health._Applied, "all", False)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_migrations SET app = 'gone' WHERE app = 'mailbox'")
    try:
        response = client.get("/readyz")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE django_migrations SET app = 'mailbox' WHERE app = 'gone'")
    assert response.json()["checks"] == ALL_GOOD | {"migrations": "failing"}


# --- who may see /metrics -----------------------------------------------------------------------


@pytest.mark.django_db
def test_without_a_token_this_machine_sees_the_metrics(client: Client) -> None:
    response = client.get("/metrics", REMOTE_ADDR="127.0.0.1")
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/plain; version=1.0.0")


@pytest.mark.parametrize("address", ["192.0.2.7", "10.0.0.1", ""])
def test_without_a_token_nobody_else_does(client: Client, address: str) -> None:
    response = client.get("/metrics", REMOTE_ADDR=address)
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_in_production_there_are_none_without_a_token(client: Client, settings: Settings) -> None:
    settings.EMBEDDED = False
    assert client.get("/metrics", REMOTE_ADDR="127.0.0.1").status_code == 404


@pytest.mark.django_db
def test_the_token_opens_them_from_anywhere(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EMBEDDED = False
    monkeypatch.setenv("METRICS_TOKEN", TOKEN)
    response = client.get(
        "/metrics", REMOTE_ADDR="192.0.2.7", headers={"Authorization": f"Bearer {TOKEN}"}
    )
    assert response.status_code == 200


def test_without_a_database_there_are_no_numbers(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise OperationalError("postgres://user:secret@host refused")

    monkeypatch.setattr(health, "registry", fail)
    response = client.get("/metrics", REMOTE_ADDR="127.0.0.1")
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert "secret" not in response.content.decode()


@pytest.mark.parametrize("given", ["", f"Bearer {TOKEN}x", TOKEN, "Bearer "])
def test_a_wrong_token_does_not(
    client: Client, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("METRICS_TOKEN", TOKEN)
    response = client.get("/metrics", REMOTE_ADDR="127.0.0.1", headers={"Authorization": given})
    assert (response.status_code, response.json()["code"]) == (401, "unauthorized")
