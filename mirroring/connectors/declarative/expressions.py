"""JMESPath to read with, and {placeholders} to write with. No code of anybody's is run."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, DecimalException
from typing import Any
from urllib.parse import quote

import jmespath
from jmespath import exceptions, functions

from mirroring.connectors.base import ConnectorError, Kind

_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([a-z_]+(?:\.[A-Za-z0-9_-]+)?)\}|[{}]")
# What ends a text in the query languages of systems: RT, ServiceNow, JQL, SQL, OData.
_ENDS_TEXT = re.compile(r"['\"\\^`\x00-\x1f\x7f]")
# %2F and %5C are read as separators by enough servers to keep them out.
_ENDS_SEGMENT = re.compile(r"[/\\\x00-\x1f\x7f]")


class Unfit(ConnectorError, ValueError):
    """A value cannot be filled in where it is wanted; so nothing was asked of the system."""

    def __init__(self, message: str) -> None:
        super().__init__(message, kind=Kind.BAD_REQUEST, permanent=True)


class _Functions(functions.Functions):
    """The functions of JMESPath, with decimals as numbers (the stubs know no private method)."""

    def _get_allowed_pytypes(self, types: Any) -> Any:
        allowed, subtypes = super()._get_allowed_pytypes(types)  # type: ignore[misc]
        allowed = [*allowed, "Decimal"] if "float" in allowed else allowed
        return allowed, [(*each, "Decimal") if "float" in each else each for each in subtypes]

    def _convert_to_jmespath_type(self, pytype: str) -> Any:
        if pytype == "Decimal":
            return "number"
        return super()._convert_to_jmespath_type(pytype)  # type: ignore[misc]

    @functions.signature({"types": []})
    def _func_to_string(self, arg: Any) -> str:
        if isinstance(arg, str):
            return arg
        return str(arg) if isinstance(arg, Decimal) else json.dumps(arg, default=str)

    @functions.signature({"types": []})
    def _func_to_number(self, arg: Any) -> Any:
        if isinstance(arg, int | Decimal) and not isinstance(arg, bool):
            return arg
        try:
            return Decimal(arg) if isinstance(arg, str) else None
        except DecimalException:
            return None


_OPTIONS = jmespath.Options(custom_functions=_Functions())


class BadExpression(ValueError):
    """This is not JMESPath, or not a template."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled JMESPath expression."""

    source: str
    compiled: Any

    @classmethod
    def read(cls, source: str) -> "Expression":
        """Compile an expression; raise BadExpression."""
        try:
            compiled = jmespath.compile(source)
        except (exceptions.JMESPathError, ValueError) as error:
            raise BadExpression(str(error).splitlines()[0]) from None
        unknown = [name for name in _functions_in(compiled.parsed) if name not in _KNOWN]
        if unknown:
            raise BadExpression(f"There is no function {unknown[0]}().")
        return cls(source, compiled)

    def find(self, content: Any) -> Any:
        """Return what is there, or None; raise ValueError when it is not what was expected."""
        try:
            return self.compiled.search(content, options=_OPTIONS)
        except (exceptions.JMESPathError, TypeError, ValueError, ArithmeticError) as error:
            raise ValueError(f"{self.source}: {str(error).splitlines()[0]}") from None


_KNOWN = frozenset(_Functions.FUNCTION_TABLE)


def _functions_in(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        if tree.get("type") == "function_expression":
            yield tree["value"]
        for inner in tree.get("children", ()):
            yield from _functions_in(inner)


@dataclass(frozen=True, slots=True)
class Template:
    """A text with {placeholders}; {{ and }} are braces."""

    parts: tuple[tuple[str, bool], ...]  # each a literal (false) or a name (true)

    @classmethod
    def read(cls, text: str) -> "Template":
        """Take a text apart; raise BadExpression for braces that are no placeholder."""
        parts: list[tuple[str, bool]] = []
        end = 0
        for found in _PLACEHOLDER.finditer(text):
            parts.append((text[end : found.start()], False))
            end = found.end()
            if found[1]:
                parts.append((found[1], True))
            elif len(found[0]) == 2:
                parts.append((found[0][0], False))
            else:
                raise BadExpression("A brace that is meant as one is written twice: {{ or }}.")
        parts.append((text[end:], False))
        return cls(tuple(part for part in parts if part[0]))

    @property
    def names(self) -> frozenset[str]:
        """Return the names of its placeholders."""
        return frozenset(text for text, is_name in self.parts if is_name)

    def _only_name(self) -> str | None:
        return self.parts[0][0] if len(self.parts) == 1 and self.parts[0][1] else None

    def is_complete(self, values: Mapping[str, Any]) -> bool:
        """Tell whether there is a value for every placeholder."""
        return all(values.get(name) is not None for name in self.names)

    def typed(self, values: Mapping[str, Any]) -> Any:
        """Return a value for JSON: a lone placeholder keeps the type of what it stands for."""
        name = self._only_name()
        return values.get(name) if name else self._join(values, str)

    def text(self, values: Mapping[str, Any]) -> str:
        """Return a text for a header or a form."""
        return self._join(values, str)

    def query(self, values: Mapping[str, Any]) -> str:
        """Return a text for a query; raise Unfit.

        Inside of a longer text a value cannot end a quotation.
        """
        return self.text(values) if self._only_name() else self._join(values, _unquotable)

    def path(self, values: Mapping[str, Any]) -> str:
        """Return a path in which no value can be more than a part of one segment; raise Unfit."""
        return self._join(values, _segment)

    def _join(self, values: Mapping[str, Any], write: Callable[[str], str]) -> str:
        return "".join(
            write(_written(values.get(text))) if is_name else text for text, is_name in self.parts
        )


def _written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def _segment(value: str) -> str:
    if not value.strip(".") or _ENDS_SEGMENT.search(value):
        raise Unfit(f"{value[:40]!r} cannot be part of a path.")
    return quote(value, safe="")


def _unquotable(value: str) -> str:
    if _ENDS_TEXT.search(value):
        raise Unfit(f"{value[:40]!r} cannot be part of a query.")
    return value
