"""Many polls plan the digest of one person while a worker sends it."""

import threading
from functools import partial

import pytest
from django.core import mail
from django.db import transaction

from approvals import daily
from approvals.models import Approver, Digest, Holder
from tests.factories import AskFactory, TrackFactory, WorkspaceFactory, someone
from tests.faults.racing import at_once_in_database
from tracks.clock import database_now
from tracks.models import Workspace

pytestmark = pytest.mark.usefixtures("shared_database")


@pytest.fixture
def workspace(shared_database: None) -> Workspace:
    return WorkspaceFactory()


@pytest.fixture
def someones(workspace: Workspace) -> list[Approver]:
    return [someone(workspace, f"a{number}@acme.com") for number in range(8)]


def _open(workspace: Workspace, approver: Approver) -> None:
    AskFactory(
        track=TrackFactory(workspace=workspace),
        approvers=[approver.address],
        is_quiet=True,
        timeout_seconds=86_400,
    )
    daily.sum_up([approver.pk], at=database_now())


def _send_all() -> None:
    for pk in Digest.due(limit=50):
        daily.send(pk)


def test_twenty_that_plan_at_once_plan_one_for_each(someones: list[Approver]) -> None:
    at = database_now().replace(minute=59)
    keys = [each.pk for each in someones]
    calls = [partial(daily.sum_up, keys[::way], at=at) for way in (1, -1) * 10]
    assert at_once_in_database(*calls) == [None] * 20
    assert sorted(row.approver_id for row in Digest.objects.all()) == sorted(keys)


def test_a_worker_waits_for_what_is_being_opened(
    workspace: Workspace, someones: list[Approver]
) -> None:
    approver = someones[0]
    is_planned, is_sent = threading.Event(), threading.Event()
    _open(workspace, approver)

    def poll() -> None:
        with transaction.atomic():
            _open(workspace, approver)
            is_planned.set()
            is_sent.wait(0.5)  # it cannot be sent before the commit: nobody sets this meanwhile

    def work() -> None:
        is_planned.wait(30)
        _send_all()
        is_sent.set()

    assert at_once_in_database(poll, work) == [None, None]
    assert [message.subject for message in mail.outbox] == ["2 requests wait for you"]
    assert not Holder.objects.filter(told_at=None).exists()
