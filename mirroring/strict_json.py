"""JSON from systems outside: amounts as decimals, nothing ambiguous, nothing that exhausts us."""

import json
from collections.abc import Iterator
from decimal import Decimal, DecimalException
from typing import Any

# A megabyte of brackets costs a hundred times what a megabyte of text does.
MOST_PARTS = 50_000
_PARTS = (b"{", b"[", b":", b",")


class BadJson(ValueError):
    """The text is not JSON, or not one that everybody reads alike."""


def read(body: bytes, *, with_any_text: bool = False) -> Any:
    """Return what a body says, or raise BadJson.

    Refused are: text that is not UTF-8, a byte order mark, NaN and Infinity, the same name twice in
    an object, half of a surrogate pair, U+0000, very deep nesting, numbers of thousands of digits.
    `with_any_text`: those two are let through, for a caller that refuses them row by row (check).
    """
    if sum(body.count(part) for part in _PARTS) > MOST_PARTS:
        raise BadJson("it has too many parts")
    try:
        text = body.decode("utf-8")
        content = json.loads(
            text, parse_float=_decimal, parse_constant=_refuse, object_pairs_hook=_object
        )
        # Only an escape can write these; looking for one spares nearly every message the search.
        if not with_any_text and "\\u" in text:
            check(content)
    except RecursionError:
        raise BadJson("it is nested too deeply") from None
    except ValueError as error:
        raise BadJson(str(error)) from None
    return content


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except DecimalException:
        raise ValueError("a number is too large") from None


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("an object has the same name twice")
    return content


def check(content: Any) -> None:
    """Raise BadJson if a text in it cannot be kept."""
    if any(_is_broken(each) for each in _texts(content)):
        raise BadJson("a text contains U+0000 or half of a surrogate pair")


def _texts(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        for name, value in content.items():
            yield name
            yield from _texts(value)
    elif isinstance(content, list):
        for value in content:
            yield from _texts(value)


def _is_broken(text: str) -> bool:
    return "\0" in text or any("\ud800" <= char <= "\udfff" for char in text)
