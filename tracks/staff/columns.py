"""Columns of lists and fields of pages: unfold's `display`, with a type."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

from unfold.decorators import display

from tracks.textpolicy import escaped

C = TypeVar("C", bound=Callable[..., Any])


def column(*, description: str, label: dict[str, str] | None = None) -> Callable[[C], C]:
    """Return a decorator that heads a column; `label` gives a value's pill its colour."""
    decorator: Callable[[C], C] = display(description=description, label=label)
    return decorator


def theirs(field: str, *, description: str) -> Callable[[Any, Any], str]:
    """Return a method that shows what a system wrote, where nothing hides or turns text round."""

    def shown(_: Any, row: Any) -> str:
        return escaped(getattr(row, field) or "")

    return column(description=description)(shown)


def pretty(content: Any) -> str:
    """Return JSON as people read it, in which nothing hides or turns round what can be seen."""
    return escaped(json.dumps(content, ensure_ascii=False, indent=2))
