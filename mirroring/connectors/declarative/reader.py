"""Taking a definition apart by name, and remembering everything that is wrong with it."""

import difflib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

from mirroring.connectors.base import Problem
from mirroring.connectors.declarative.expressions import BadExpression, Expression, Template
from mirroring.connectors.declarative.nodes import Node

FIELD = "definition"
SECRET = "secret."  # noqa: S105 - what the names of secrets begin with

_Word = TypeVar("_Word", bound=StrEnum)
_Read = TypeVar("_Read")


class Reader:
    """One mapping of a definition. Whatever is taken from it is known; the rest is a mistake."""

    def __init__(self, node: Node, path: str, problems: list[Problem]) -> None:
        self.path, self.problems, self.line = path, problems, node.line
        self._taken: set[str] = set()
        self._content: Mapping[str, Node] = {}
        if isinstance(node.value, Mapping):
            self._content = node.value
        else:
            self.wrong("This must have names and values.")

    def wrong(self, message: str, name: str | None = None, *, at: Node | None = None) -> None:
        """Remember a mistake: of this mapping, or of what stands under a name in it.

        `at`: where exactly, if that is deeper inside.
        """
        node = at or (self._content.get(name) if name else None)
        line = node.line if node else self.line
        self.problems.append(Problem(field=FIELD, message=message, path=self._at(name), line=line))

    def _at(self, name: str | None) -> str:
        return ".".join(part for part in (self.path, name) if part)

    def __contains__(self, name: str) -> bool:
        return name in self._content

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    def node(self, name: str, *, required: bool = False) -> Node | None:
        """Return what stands under a name, or None."""
        self._taken.add(name)
        node = self._content.get(name)
        if (node is None or node.value is None) and required:
            self.wrong("This is needed.", name)
        return node if node is not None and node.value is not None else None

    def finish(self) -> None:
        """Complain about every name that was not asked for."""
        for name in self._content:
            if name not in self._taken:
                near = difflib.get_close_matches(name, self._taken, n=1)
                hint = f" Did you mean {near[0]!r}?" if near else ""
                self.wrong(f"There is no such setting.{hint}", name)

    # -- plain values ------------------------------------------------------------------------------

    def text(self, name: str, *, required: bool = False, default: str = "") -> str:
        """Return a text."""
        node = self.node(name, required=required)
        if node is None:
            return default
        if isinstance(node.value, bool) or not isinstance(node.value, str | int):
            self.wrong("This must be a text.", name)
            return default
        return str(node.value)

    def number(self, name: str, default: int, *, least: int = 0, most: int = 10**9) -> int:
        """Return a whole number between two others."""
        node = self.node(name)
        if node is None:
            return default
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self.wrong(f"This must be a whole number from {least} to {most}.", name)
            return default
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """Return true or false."""
        node = self.node(name)
        if node is None:
            return default
        if not isinstance(node.value, bool):
            self.wrong("This must be true or false.", name)
            return default
        return node.value

    def word(self, name: str, words: type[_Word], default: _Word | None = None) -> _Word | None:
        """Return one of these words; it is needed when there is no default."""
        said = self.text(name, required=default is None)
        if not said:
            return default
        try:
            return words(said)
        except ValueError:
            self.wrong(f"This must be one of {', '.join(words)}.", name)
            return default

    def numbers(self, name: str, default: Sequence[int] = ()) -> tuple[int, ...]:
        """Return whole numbers: one, or a list of them."""
        node = self.node(name)
        if node is None:
            return tuple(default)
        found = node.plain if isinstance(node.value, list) else [node.plain]
        if not all(isinstance(each, int) and not isinstance(each, bool) for each in found):
            self.wrong("This must be a whole number or a list of them.", name)
            return tuple(default)
        return tuple(found)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts."""
        node = self.node(name)
        if node is None:
            return ()
        found = node.plain if isinstance(node.value, list) else [node.plain]
        if not all(isinstance(each, str | int) for each in found):
            self.wrong("This must be a list of texts.", name)
            return ()
        return tuple(map(str, found))

    # -- what is read and written with -------------------------------------------------------------

    def expression(self, name: str, *, required: bool = False) -> Expression | None:
        """Return a JMESPath expression."""
        source = self.text(name, required=required)
        return self._read(Expression.read, source, name) if source else None

    def template(
        self, name: str, allowed: Collection[str], *, required: bool = False
    ) -> Template | None:
        """Return a text with placeholders out of `allowed`."""
        source = self.text(name, required=required)
        return self.placeholders(source, allowed, name) if source else None

    def placeholders(
        self, source: str, allowed: Collection[str], name: str, *, at: Node | None = None
    ) -> Template | None:
        """Return a template, and complain about placeholders that nothing stands for."""
        template = self._read(Template.read, source, name, at=at)
        for used in sorted(template.names if template else ()):
            if not _is_allowed(used, allowed):
                known = ", ".join(f"{{{each}}}" for each in sorted(allowed))
                self.wrong(f"Nothing stands for {{{used}}} here; there is {known}.", name, at=at)
        return template

    def _read(
        self, read: Callable[[str], _Read], source: str, name: str, *, at: Node | None = None
    ) -> _Read | None:
        try:
            return read(source)
        except BadExpression as error:
            self.wrong(str(error), name, at=at)
            return None

    # -- what is inside ----------------------------------------------------------------------------

    def child(self, name: str, *, required: bool = False) -> "Reader | None":
        """Return a mapping inside of this one."""
        node = self.node(name, required=required)
        return Reader(node, self._at(name), self.problems) if node is not None else None

    def children(self, name: str) -> list["Reader"]:
        """Return a list of mappings."""
        node = self.node(name)
        if node is None:
            return []
        if not isinstance(node.value, list):
            self.wrong("This must be a list.", name)
            return []
        paths = [f"{self._at(name)}[{index}]" for index in range(len(node.value))]
        return [
            Reader(each, path, self.problems) for each, path in zip(node.value, paths, strict=True)
        ]


def _is_allowed(used: str, allowed: Collection[str]) -> bool:
    """`item.*` in `allowed` stands for every name that begins so."""
    return used in allowed or f"{used.partition('.')[0]}.*" in allowed
