"""YAML and JSON with the line of everything in it. Nothing is guessed: `no` is a word, not false.

Refused are anchors, aliases and tags (a few lines of them can fill a memory), a name that stands
twice in a mapping, and names that are not texts.
"""

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import yaml

from mirroring import strict_json
from mirroring.connectors.base import BadConfig, Problem

LARGEST = 64 * 1024
DEEPEST = 20
_TAG = "tag:yaml.org,2002:"
_SCALARS = {
    "null": (re.compile(r"~|null|"), ["~", "n", ""]),
    "bool": (re.compile(r"true|false"), ["t", "f"]),
    "int": (re.compile(r"-?(?:0|[1-9][0-9]{0,17})"), list("-0123456789")),
    "float": (re.compile(r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,17}"), list("-0123456789")),
}

Scalar = str | int | Decimal | bool | None


@dataclass(frozen=True, slots=True)
class Node:
    """A value, with the line that it begins on; JSON has no lines."""

    value: "Mapping[str, Node] | Sequence[Node] | Scalar"
    line: int | None = None

    @property
    def plain(self) -> Any:
        """Return the value without lines."""
        if isinstance(self.value, Mapping):
            return {name: node.plain for name, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain for node in self.value]
        return self.value


class _Loader(yaml.SafeLoader):
    """Knows null, true, false and numbers, and nothing else that looks like a text."""

    yaml_implicit_resolvers: dict[Any, Any] = {}


for _kind, (_pattern, _first) in _SCALARS.items():
    _Loader.add_implicit_resolver(_TAG + _kind, re.compile(f"^(?:{_pattern.pattern})$"), _first)


def read(text: str, *, field: str) -> Node:
    """Return what a text says; raise BadConfig when it is neither JSON nor plain YAML."""
    if len(text) > LARGEST:
        raise _bad(field, f"It is longer than {LARGEST} characters.")
    if text.lstrip().startswith("{"):
        try:
            return _of_json(strict_json.read(text.encode()))
        except strict_json.BadJson as error:
            raise _bad(field, f"It begins like JSON, but is none: {error}.") from None
    try:
        _refuse_what_fills_a_memory(text, field)
        root = yaml.compose(text, Loader=_Loader)
    except BadConfig:
        raise
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise _bad(field, f"This is not YAML: {error.problem}.", line) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise _bad(field, f"This is not YAML: {error}.") from None
    if root is None:
        raise _bad(field, "It is empty.")
    return _of_yaml(root, field)


def _bad(field: str, message: str, line: int | None = None) -> BadConfig:
    return BadConfig([Problem(field=field, message=message, line=line)])


def _refuse_what_fills_a_memory(text: str, field: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = event.start_mark.line + 1 if event.start_mark else None
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:  # not read to its end: that takes the square of its length
            raise _bad(field, "This is nested too deeply.", line)
        depth += isinstance(event, yaml.CollectionStartEvent)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _bad(field, "Anchors and aliases (& and *) are not allowed.", line)
        if getattr(event, "tag", None):
            raise _bad(field, "Tags (!) are not allowed.", line)


def _of_json(value: Any) -> Node:
    if isinstance(value, dict):
        return Node({name: _of_json(inner) for name, inner in value.items()})
    return Node([_of_json(each) for each in value] if isinstance(value, list) else value)


def _of_yaml(node: yaml.Node, field: str) -> Node:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        return Node([_of_yaml(each, field) for each in node.value], line)
    if not isinstance(node, yaml.MappingNode):
        return Node(_scalar(node), line)
    found: dict[str, Node] = {}
    for key, value in node.value:
        name = _name(key, found, field)
        inner = _of_yaml(value, field)
        # A block that begins on the line after its name is named by the line of its name.
        found[name] = Node(inner.value, key.start_mark.line + 1)
    return Node(found, line)


def _name(key: yaml.Node, found: Mapping[str, Any], field: str) -> str:
    line = key.start_mark.line + 1
    is_plain = isinstance(key, yaml.ScalarNode) and isinstance(key.value, Hashable)
    if not is_plain or not key.value:
        raise _bad(field, "A name must be a text.", line)
    name = str(key.value)
    if name in found:
        raise _bad(field, f"{name!r} stands here twice.", line)
    return name


def _scalar(node: yaml.Node) -> Scalar:
    kind, value = node.tag.removeprefix(_TAG), str(node.value)
    if kind == "null":
        return None
    if kind == "bool":
        return value == "true"
    if kind == "int":
        return int(value)
    return Decimal(value) if kind == "float" else value
