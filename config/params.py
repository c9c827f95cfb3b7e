"""Query parameters: what is out of range or of the wrong type is refused, unknown ones ignored."""

import re
from collections.abc import Collection, Mapping

from config.errors import Invalid


def whole_param(
    params: Mapping[str, str], name: str, *, lowest: int, highest: int, default: int
) -> int:
    """Return a whole-number parameter, or its default where it is absent."""
    text = params.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,12}", text) or not lowest <= int(text) <= highest:
        raise Invalid.field(name, f"This must be a whole number from {lowest} to {highest}.")
    return int(text)


def choice_param(params: Mapping[str, str], name: str, *, among: Collection[str]) -> str | None:
    """Return a parameter that must be one of some words, or None where it is absent."""
    text = params.get(name)
    if text is not None and text not in among:
        raise Invalid.field(name, f"This must be one of: {', '.join(among)}.")
    return text
