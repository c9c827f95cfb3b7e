"""Reading what systems write: amounts, times, and digests of them. Pure."""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

_AMOUNT = re.compile(
    r"\s*(?:([A-Z]{3})[\s;]*)?(-?[0-9]{1,15}(?:\.[0-9]{1,9})?)\s*(?:([A-Z]{3}))?\s*"
)
_SECRET_NAME = re.compile(r"token|secret|passw|authorization|api[-_]?key|credential|cookie", re.I)
MILLISECONDS_FROM = 10**11  # as seconds that is the year 5138, as milliseconds 1973
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
# A number beyond these is no amount: written out it would fill the page, or the memory.
LARGEST_EXPONENT, MOST_DIGITS = 30, 40


def read_amount(value: Any) -> tuple[Decimal | None, str | None]:
    """Return the amount and the currency of 750.50, "750.50 EUR" or "EUR;750.50"; else None, None.

    Nothing is guessed: whether 1,234 is one or a thousand is not for us to say.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None, None
    found = _AMOUNT.fullmatch(str(value)) if isinstance(value, str) else None
    if found is not None:
        return Decimal(found[2]), found[1] or found[3]
    is_one = not isinstance(value, str) and can_be_written_out(Decimal(value))
    return (Decimal(value), None) if is_one else (None, None)


def can_be_written_out(number: Decimal) -> bool:
    """Tell whether a number is one that a person could have meant, digit by digit."""
    if not number.is_finite() or abs(number.adjusted()) > LARGEST_EXPONENT:
        return False
    return len(number.as_tuple().digits) <= MOST_DIGITS


def read_number(value: Any) -> int:
    """Return a whole number; raise ValueError for what is none that a person could have meant."""
    if isinstance(value, Decimal) and not can_be_written_out(value):
        raise ValueError("this is not a number to count on by")
    return int(value)


def read_time(value: Any, pattern: str | None = None) -> datetime | None:
    """Return an aware time: of ISO 8601, of a strptime pattern, or of (milli)seconds since 1970.

    What names no zone is UTC. Raise ValueError for anything else; "", null and the beginning of
    1970 are None.
    """
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError("this is not a time")
    try:
        if not isinstance(value, str):
            seconds = float(value)
            is_milliseconds = abs(seconds) >= MILLISECONDS_FROM
            moment = datetime.fromtimestamp(seconds / 1000 if is_milliseconds else seconds, UTC)
        elif pattern:
            moment = datetime.strptime(value, pattern)  # noqa: DTZ007
        else:
            moment = datetime.fromisoformat(value)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{str(value)[:40]!r} is not a time") from None
    return None if moment == _NEVER else moment


def digest_of(material: Mapping[str, Any]) -> str:
    """Return a digest of what an approver decides about. 1.50 and 1.5 are the same amount.

    Raise ValueError for a number that nobody could have meant.
    """
    content = json.dumps(material, sort_keys=True, ensure_ascii=True, default=_plain)
    return hashlib.sha256(content.encode()).hexdigest()


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        if not can_be_written_out(value):
            raise ValueError("a number in it is out of all bounds")
        return format(value.normalize(), "f")
    return value.isoformat() if isinstance(value, datetime) else str(value)


def redacted(value: Any) -> Any:
    """Return what a system said, fit to be kept: as JSON has it, without what looks secret."""
    if isinstance(value, Mapping):
        return {
            name: "[redacted]" if _SECRET_NAME.search(name) and inner else redacted(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [redacted(each) for each in value]
    return str(value) if isinstance(value, Decimal) else value
