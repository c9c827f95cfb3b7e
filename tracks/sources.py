"""Where a track comes from: the system of record whose approval it mirrors."""

from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from config.errors import Invalid
from tracks.textpolicy import UnsafeText, clean, is_blank

LONGEST_NAME, LONGEST_URL = 120, 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A system of record, and the page of the record there, if it has one."""

    name: str
    url: str | None = None
    decides_there: bool = False

    @classmethod
    def of(cls, stored: dict[str, Any] | None) -> "Source | None":
        """Return the source of a track as its row keeps it."""
        return cls(**stored) if stored else None

    def stored(self) -> dict[str, Any]:
        """Return what the track's row keeps; raise Invalid for what no page could show."""
        if is_blank(self.name) or len(self.name) > LONGEST_NAME:
            raise Invalid.field("source.name", f"A name has 1 to {LONGEST_NAME} characters.")
        try:
            clean(self.name, multiline=False)
        except UnsafeText as error:
            raise Invalid.field("source.name", str(error)) from None
        if self.url is not None and not is_web_address(self.url):
            raise Invalid.field("source.url", "This is not an http or https address.")
        return asdict(self)

    @property
    def link(self) -> str:
        """Return the address of the record's page, or nothing that could be followed."""
        return self.url if self.url and is_web_address(self.url) else ""

    @property
    def host(self) -> str:
        """Return where the link leads, to be shown beside it."""
        return urlsplit(self.link).netloc


def is_web_address(text: str) -> bool:
    """Tell whether a text is an http or https address whose host is what it seems to be.

    In ASCII, as it goes over the wire: no lookalike letters, no user name in front of the host.
    """
    if len(text) > LONGEST_URL or not text.isascii() or not text.isprintable():
        return False
    if any(char in text for char in ' "<>\\^`{|}'):
        return False
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises for one that is none
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
