"""One transaction a transition, in which a refusal keeps what had to be recorded."""

import psycopg.errors
import pytest
from django.db import OperationalError, connection, transaction
from pytest_django import DjangoCaptureOnCommitCallbacks

from config.errors import NotFound, Unavailable
from tests.factories import WorkspaceFactory
from tracks import transactions
from tracks.models import Workspace
from tracks.transactions import after_commit, transition


def names() -> list[str]:
    return sorted(Workspace.objects.values_list("name", flat=True))


@transition
def write_and_raise(name: str, error: Exception | None = None) -> str:
    WorkspaceFactory(name=name)
    if error is not None:
        raise error
    return name


@pytest.mark.django_db(transaction=True)
def test_what_was_written_stays_though_the_request_is_refused() -> None:
    with pytest.raises(NotFound):
        write_and_raise("kept", NotFound())
    assert names() == ["kept"]


@pytest.mark.django_db(transaction=True)
def test_any_other_exception_undoes_everything() -> None:
    with pytest.raises(RuntimeError):
        write_and_raise("lost", RuntimeError())
    assert names() == []


@pytest.mark.django_db(transaction=True)
def test_a_refusal_inside_another_transition_is_raised_by_both_and_undone_by_neither() -> None:
    @transition
    def outer() -> None:
        WorkspaceFactory(name="outer")
        write_and_raise("inner", NotFound())

    with pytest.raises(NotFound):
        outer()
    assert names() == ["inner", "outer"]


@pytest.mark.django_db(transaction=True)
def test_hooks_run_after_a_refusal_that_committed() -> None:
    ran: list[str] = []

    @transition
    def refuse() -> None:
        transaction.on_commit(lambda: ran.append("hook"))
        raise NotFound()

    with pytest.raises(NotFound):
        refuse()
    assert ran == ["hook"]


@pytest.mark.django_db(transaction=True)
def test_what_fails_after_the_commit_fails_nobody_and_the_rest_goes_on() -> None:
    ran: list[str] = []

    def fail(reason: str) -> None:
        ran.append(reason)
        raise RuntimeError(reason)

    @transition
    def change() -> str:
        WorkspaceFactory(name="kept")
        after_commit(fail, "first")
        after_commit(fail, reason="second")
        return "done"

    assert change() == "done"
    assert (names(), ran) == (["kept"], ["first", "second"])


def test_what_is_rolled_back_is_followed_by_nothing(
    db: None, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    ran: list[str] = []
    with django_capture_on_commit_callbacks(execute=True):
        after_commit(ran.append, "kept")
        with transaction.atomic():
            after_commit(ran.append, "rolled back")
            transaction.set_rollback(True)
    assert ran == ["kept"]


class _Failing:
    """Fails as the database does that chose this transaction as the victim of a deadlock."""

    def __init__(self, times: int, cause: Exception) -> None:
        self.times, self.cause, self.calls = times, cause, 0

    def __call__(self) -> str:
        self.calls += 1
        WorkspaceFactory(name=f"try {self.calls}")
        if self.calls <= self.times:
            raise OperationalError("deadlock") from self.cause
        return "done"


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []
    monkeypatch.setattr(transactions.time, "sleep", slept.append)
    return slept


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "cause", [psycopg.errors.DeadlockDetected(), psycopg.errors.SerializationFailure()]
)
def test_the_victim_of_a_deadlock_tries_again(naps: list[float], cause: Exception) -> None:
    """CO-11."""
    failing = _Failing(2, cause)
    assert transition(failing.__call__)() == "done"
    assert names() == ["try 3"]
    assert len(naps) == 2
    assert all(0.01 <= nap <= 0.05 for nap in naps)


@pytest.mark.django_db(transaction=True)
def test_after_three_tries_it_is_unavailable_and_nothing_is_half_applied(
    naps: list[float],
) -> None:
    """CO-11."""
    failing = _Failing(9, psycopg.errors.DeadlockDetected())
    with pytest.raises(Unavailable) as refusal:
        transition(failing.__call__)()
    assert refusal.value.headers == {"Retry-After": "2"}
    assert (failing.calls, names()) == (3, [])


@pytest.mark.django_db(transaction=True)
def test_another_database_error_is_not_tried_again(naps: list[float]) -> None:
    failing = _Failing(9, psycopg.errors.AdminShutdown())
    with pytest.raises(OperationalError):
        transition(failing.__call__)()
    assert (failing.calls, naps) == (1, [])


def test_inside_a_transaction_the_outermost_decides_about_another_try(
    db: None, naps: list[float]
) -> None:
    assert connection.in_atomic_block
    failing = _Failing(1, psycopg.errors.DeadlockDetected())
    with pytest.raises(OperationalError), transaction.atomic():
        transition(failing.__call__)()
    assert failing.calls == 1
