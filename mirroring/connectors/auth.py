"""How connectors prove who they are. Tokens that are asked for live in memory, nowhere else."""

import base64
import hashlib
import json
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from mirroring.connectors.base import ConnectorError, Kind
from mirroring.connectors.http import Answer, Session

EARLY = 30.0  # seconds before its end in which a token is no longer used
DEFAULT_LIFETIME = 600.0

_tokens: dict[str, tuple[str, float]] = {}  # what was asked for, to the token and its end
_lock = threading.Lock()


def forget_tokens() -> None:
    """Forget all tokens of this process."""
    with _lock:
        _tokens.clear()


@dataclass(frozen=True)
class HeaderSecret:
    """The same secret in the same header each time: a bearer token, an API key."""

    secret: str = field(repr=False)
    header: str = "Authorization"
    scheme: str = "Bearer"

    def headers(self, session: Session) -> Mapping[str, str]:
        """Return the header."""
        return {self.header: f"{self.scheme} {self.secret}".strip()}

    def renew(self, status: int) -> bool:
        """Have no other secret."""
        return False

    def secrets(self) -> Iterable[str]:
        """Return the secret."""
        return (self.secret,)

    def urls(self) -> Iterable[str]:
        """Ask nobody for a token."""
        return ()


@dataclass(frozen=True)
class Basic:
    """A user name and a password (RFC 7617, in UTF-8)."""

    username: str
    password: str = field(repr=False)

    @property
    def _encoded(self) -> str:
        return base64.b64encode(f"{self.username}:{self.password}".encode()).decode()

    def headers(self, session: Session) -> Mapping[str, str]:
        """Return the header."""
        return {"Authorization": f"Basic {self._encoded}"}

    def renew(self, status: int) -> bool:
        """Have no other password."""
        return False

    def secrets(self) -> Iterable[str]:
        """Return the password, plain and as it is sent."""
        return (self.password, self._encoded)

    def urls(self) -> Iterable[str]:
        """Ask nobody for a token."""
        return ()


class _AskedFor(ABC):
    """A token that is asked for, kept until shortly before it ends, and renewed when refused."""

    renew_on: frozenset[int]
    scheme: str

    @property
    @abstractmethod
    def _key(self) -> str: ...

    @abstractmethod
    def _ask(self, session: Session) -> tuple[str, float]: ...

    def headers(self, session: Session) -> Mapping[str, str]:
        """Return the header, with a token that is still good for a while."""
        with _lock:
            token, ends = _tokens.get(self._key, ("", 0.0))
        if not token or time.monotonic() >= ends:
            token, lifetime = self._ask(session)
            kept = max(lifetime - EARLY, lifetime / 2)
            with _lock:
                _tokens[self._key] = (token, time.monotonic() + kept)
        return {"Authorization": f"{self.scheme} {token}"}

    def renew(self, status: int) -> bool:
        """Forget a refused token."""
        if status not in self.renew_on:
            return False
        with _lock:
            return _tokens.pop(self._key, None) is not None

    def _cached(self) -> tuple[str, ...]:
        with _lock:
            token, _ = _tokens.get(self._key, ("", 0.0))
        return (token,) if token else ()


def _digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _token_of(answer: Answer, name: str, lifetime_name: str) -> tuple[str, float]:
    """Return the token of an answer and its lifetime; no message quotes such an answer."""
    if answer.status in (400, 401, 403):
        message = f"{answer.request} was answered with {answer.status}: it gave no token."
        raise ConnectorError(message, kind=Kind.AUTH, permanent=True, status=answer.status)
    failure = answer.failure()
    if failure is not None:
        message = f"{answer.request} was answered with {answer.status}: it gave no token."
        raise ConnectorError(
            message,
            kind=failure.kind,
            permanent=failure.permanent,
            retry_after=failure.retry_after,
            status=answer.status,
        )
    said = answer.json_or_none
    token = said.get(name) if isinstance(said, dict) else None
    if not isinstance(token, str) or not token:
        message = f"{answer.request} gave no {name}."
        raise ConnectorError(message, kind=Kind.AUTH, status=answer.status)
    lifetime = said.get(lifetime_name)
    is_number = isinstance(lifetime, int | Decimal) and not isinstance(lifetime, bool)
    return token, float(lifetime) if is_number and lifetime > 0 else DEFAULT_LIFETIME


@dataclass(frozen=True)
class ClientCredentials(_AskedFor):
    """OAuth 2.0 client credentials (RFC 6749 §4.4). `in_body`: not as Basic but as parameters."""

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = ""
    in_body: bool = False
    scheme: str = "Bearer"
    renew_on: frozenset[int] = frozenset({401})

    @property
    def _key(self) -> str:
        return _digest(self.token_url, self.client_id, self.client_secret, self.scope)

    def _ask(self, session: Session) -> tuple[str, float]:
        body = {"grant_type": "client_credentials"}
        if self.scope:
            body["scope"] = self.scope
        headers: Mapping[str, str] = {}
        if self.in_body:
            body |= {"client_id": self.client_id, "client_secret": self.client_secret}
        else:
            headers = Basic(self.client_id, self.client_secret).headers(session)
        answer = session.exchange("POST", self.token_url, headers, body, form=True)
        return _token_of(answer, "access_token", "expires_in")

    def secrets(self) -> Iterable[str]:
        """Return the client's secret and the token."""
        basic = Basic(self.client_id, self.client_secret).secrets()
        return (*basic, *self._cached())

    def urls(self) -> Iterable[str]:
        """Return where the token is asked for."""
        return (self.token_url,)


@dataclass(frozen=True)
class TokenLogin(_AskedFor):
    """A token for a user name and a password, posted as JSON (Airflow: POST /auth/token)."""

    url: str
    body: Mapping[str, str] = field(repr=False)
    token: str = "access_token"  # noqa: S105 - the name of it
    lifetime: str = "expires_in"
    scheme: str = "Bearer"
    renew_on: frozenset[int] = frozenset({401})

    @property
    def _key(self) -> str:
        return _digest(self.url, dict(self.body))

    def _ask(self, session: Session) -> tuple[str, float]:
        url = self.url if "://" in self.url else session.url(self.url)
        answer = session.exchange("POST", url, {}, dict(self.body))
        return _token_of(answer, self.token, self.lifetime)

    def secrets(self) -> Iterable[str]:
        """Return everything that is posted, but for short words, and the token."""
        return (*self.body.values(), *self._cached())

    def urls(self) -> Iterable[str]:
        """Return where the token is asked for; a path is one of the system's own."""
        return (self.url,) if "://" in self.url else ()
