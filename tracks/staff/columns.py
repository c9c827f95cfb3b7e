"""Columns of lists: unfold's `display`, with a type."""

from collections.abc import Callable
from typing import Any, TypeVar

from unfold.decorators import display

C = TypeVar("C", bound=Callable[..., Any])


def column(*, description: str, label: dict[str, str] | None = None) -> Callable[[C], C]:
    """Return a decorator that heads a column; `label` gives a value's pill its colour."""
    decorator: Callable[[C], C] = display(description=description, label=label)
    return decorator
