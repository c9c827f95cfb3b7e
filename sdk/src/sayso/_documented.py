"""Docstrings for the async twins, from where they are written."""

from collections.abc import Callable
from typing import TypeVar

C = TypeVar("C", bound=type)


def documented_by(original: type) -> Callable[[C], C]:
    """Give each public method without a docstring the one of the same name in `original`."""

    def apply(twin: C) -> C:
        for name, method in vars(twin).items():
            if callable(method) and not name.startswith("_") and not method.__doc__:
                method.__doc__ = getattr(original, name).__doc__
        return twin

    return apply
