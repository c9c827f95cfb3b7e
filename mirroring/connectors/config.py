"""Holding what somebody typed into a form to what a connector asks for."""

from collections.abc import Iterator, Mapping, Sequence

from config.targets import BadTarget, check_saved
from mirroring.connectors.base import BadConfig, ConfigField, Problem


def checked(fields: Sequence[ConfigField], config: Mapping[str, str]) -> dict[str, str]:
    """Return a value for every field; raise BadConfig with everything that is wrong."""
    values = {each.name: config.get(each.name, each.default).strip() for each in fields}
    problems = [problem for each in fields for problem in _problems(each, values[each.name])]
    known = {each.name for each in fields}
    problems += [
        Problem(field=name, message="There is no such field.") for name in config.keys() - known
    ]
    if problems:
        raise BadConfig(problems)
    return values


def _problems(field: ConfigField, value: str) -> Iterator[Problem]:
    if not value:
        if field.required:
            yield Problem(field=field.name, message="This is needed.")
        return
    if field.kind == "url":
        try:
            check_saved(value)
        except BadTarget as error:
            yield Problem(field=field.name, message=str(error))
        if "?" in value:
            yield Problem(field=field.name, message="Leave out what begins with '?'.")
    if field.kind == "number" and not value.isdecimal():
        yield Problem(field=field.name, message="This must be a number.")
