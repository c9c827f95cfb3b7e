"""E-mail addresses: what is one, when two are the same, and how one is shown to strangers."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import takewhile

import email_validator
from email_validator import EmailNotValidError, validate_email

LONGEST = 254

# A self-hosted Sayso also writes to people whose company's mail domain ends in .local.
if "local" in email_validator.SPECIAL_USE_DOMAIN_NAMES:
    email_validator.SPECIAL_USE_DOMAIN_NAMES.remove("local")


class NotAnAddress(ValueError):
    """The text is not one e-mail address."""


def check_address(text: str) -> str:
    """Return the text if it is one address (RFC 5322 addr-spec), else raise NotAnAddress."""
    canonical_address(text)
    return text


@lru_cache(maxsize=4096)
def canonical_address(text: str) -> str:
    """Return the form in which two spellings of an address are equal.

    The whole address is lower-cased and its domain is in IDNA. Some mail systems distinguish the
    case of the local part; none in use hands `CFO@` and `cfo@` to different people.
    """
    if len(text) > LONGEST:
        raise NotAnAddress("The address is too long.")
    try:
        parts = validate_email(
            text,
            check_deliverability=False,
            allow_display_name=False,
            allow_quoted_local=False,
            test_environment=True,
        )
    except EmailNotValidError as error:
        raise NotAnAddress(str(error)) from None
    return f"{parts.local_part}@{parts.ascii_domain}".lower()


def same_address(one: str, other: str) -> bool:
    """Tell whether two valid addresses are the same mailbox."""
    return canonical_address(one) == canonical_address(other)


def masked(address: str) -> str:
    """Return an address as a stranger may see it: `c•••@acme.com`."""
    return _masked(address, 1)


def masked_apart(addresses: Sequence[str]) -> dict[str, str]:
    """Return addresses as a stranger may see them, with letters enough to tell each from others.

    Whoever is asked has to know which one is theirs: `ce•••@acme.com` and `cf•••@acme.com`.
    """
    shared = {
        each: max((_shared(each, other) for other in addresses if other != each), default=0)
        for each in addresses
    }
    return {each: _masked(each, letters + 1) for each, letters in shared.items()}


def _shared(one: str, other: str) -> int:
    """Return how many letters two mailboxes of a domain begin with alike."""
    (local, _, domain), (other_local, _, other_domain) = (
        each.lower().rpartition("@") for each in (one, other)
    )
    if domain != other_domain:
        return 0
    pairs = zip(local, other_local, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _masked(address: str, letters: int) -> str:
    local, _, domain = address.rpartition("@")
    return f"{local[:letters]}•••@{domain}"
