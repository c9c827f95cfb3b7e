"""One transaction per transition, in which a refusal keeps what had to be recorded."""

import random
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.db import OperationalError, connection, transaction

from config.errors import DomainError, Unavailable

P = ParamSpec("P")
R = TypeVar("R")

TRIES = 3
# PostgreSQL gave up one of two transactions: serialization_failure, deadlock_detected
_WORTH_ANOTHER_TRY = ("40001", "40P01")


def transition(function: Callable[P, R]) -> Callable[P, R]:
    """Run a function in a transaction and raise its refusal only after the commit.

    A transition refuses before its own first change. What it has written by then must stay even
    though it refuses: the timeout of an overdue ask, the count of a wrong code. Any other
    exception rolls everything back. The outermost transaction is tried again when the database
    chose it as the victim of a deadlock, and refused as `unavailable` after that.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        if connection.in_atomic_block:
            return once(*args, **kwargs)
        for _ in range(TRIES):
            try:
                return once(*args, **kwargs)
            except OperationalError as error:
                if getattr(error.__cause__, "sqlstate", None) not in _WORTH_ANOTHER_TRY:
                    raise
                time.sleep(random.uniform(0.01, 0.05))  # noqa: S311  no secret: it spreads the tries
        raise Unavailable()

    def once(*args: P.args, **kwargs: P.kwargs) -> R:
        with transaction.atomic(savepoint=False):
            try:
                return function(*args, **kwargs)
            except DomainError as error:
                refusal = error
        raise refusal

    return run


def after_commit(
    function: Callable[P, Any], *args: P.args, **kwargs: P.kwargs
) -> Callable[[], None]:
    """Call a function once the surrounding transaction is committed, and never if it is not.

    What it raises is logged and harms nobody: Django names the function then, so it must have a
    name, which a partial has not. Returns what Django keeps of it until then.
    """

    @wraps(function)
    def call() -> None:
        function(*args, **kwargs)

    transaction.on_commit(call, robust=True)
    return call
