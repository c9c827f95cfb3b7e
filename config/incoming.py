"""A request as the router reads it."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl

# ASGI's own types: plain dictionaries on the way in and out.
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request line and its headers."""

    scope: Message

    @property
    def method(self) -> str:
        method: str = self.scope["method"]
        return method

    @property
    def path(self) -> str:
        path: str = self.scope["path"]
        return path

    @property
    def query(self) -> str:
        query: bytes = self.scope["query_string"]
        return query.decode("latin-1")

    @property
    def params(self) -> dict[str, str]:
        """Return the query's parameters; of one that is there twice, the last."""
        return dict(parse_qsl(self.query, keep_blank_values=True))

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the headers by lower-case name; what is there twice is joined by commas.

        A name with an underscore is left out: CGI could not tell it from one with a hyphen, and
        a client could so pass off its own header as one of the proxy's.
        """
        joined: dict[str, str] = {}
        for raw_name, raw_value in self.scope["headers"]:
            if b"_" not in raw_name:
                name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
                joined[name] = f"{joined[name]},{value}" if name in joined else value
        return joined

    @property
    def declared_length(self) -> int:
        """Return how long the request says its body is."""
        length = self.headers.get("content-length", "0")
        return int(length) if length.isascii() and length.isdigit() else 0

    def cookie(self, name: str) -> str | None:
        """Return the value of a cookie."""
        try:
            found = SimpleCookie(self.headers.get("cookie", "")).get(name)
        except CookieError:
            return None
        return found.value if found else None
