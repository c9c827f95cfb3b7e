"""What was stored before several people could decide goes on as it was."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from approvals.models import Ask, Holder
from approvals.serializers import ask_json
from tests.factories import CFO, AskFactory, answer


def migrate(*targets: tuple[str, str]) -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(list(targets))


@pytest.fixture
def as_before(transactional_db: None) -> Any:
    """The database with one open and one answered ask, as the first version left it."""
    waiting, answered = AskFactory(timeout_seconds=3600), AskFactory()
    answer(answered, True)
    latest = MigrationExecutor(connection).loader.graph.leaf_nodes()
    Holder.objects.all().delete()
    migrate(("approvals", "0001_initial"))
    yield waiting, answered
    migrate(*latest)


def test_every_seat_has_its_holder_and_every_ask_its_end(as_before: Any) -> None:
    waiting, answered = as_before

    migrate(*MigrationExecutor(connection).loader.graph.leaf_nodes())

    holders = Holder.objects.order_by("seat_id")
    assert list(holders.values_list("ask_id", "approver__address", "kind")) == [
        (waiting.pk, CFO, "asked"),
        (answered.pk, CFO, "asked"),
    ]
    found = Ask.objects.presented().with_everything().get(pk=waiting.pk)
    assert found.ends_at == waiting.created_at + timedelta(hours=1)
    body = ask_json(Ask.objects.presented().with_everything().get(pk=answered.pk))
    assert (body["answer"]["value"], body["approvers"]) == (True, [CFO])
    answer(waiting, True)
