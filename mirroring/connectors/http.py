"""What connectors talk through: the one outbound client, with JSON, credentials and a budget."""

import json
import re
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

from config import egress, targets
from mirroring import strict_json
from mirroring.connectors.base import ConnectorError, Gone, Kind
from mirroring.connectors.tally import Tally, read_limit
from tracks.textpolicy import escaped

TOTAL_SECONDS = 15.0
LARGEST_BYTES = 4 * 1024 * 1024
LONGEST_EXCERPT = 200
LONGEST_PAUSE = 24 * 3600.0  # whatever a system asks for
PAUSE = 60.0  # when a system asks for a pause and does not say how long
ASK_FOR_A_PAUSE = (429, 503)  # of everything that would be sent, not of the one request alone
SHARES = {"decide": 0.0, "get": 0.1, "note": 0.2, "list": 0.3}  # of the budget, left to the others

_HEADER = re.compile(r"[!-~](?:[ -~]*[!-~])?")

Query = Mapping[str, str] | Iterable[tuple[str, str]]


class Auth(Protocol):
    """How a system knows us (auth.py)."""

    def headers(self, session: "Session") -> Mapping[str, str]:
        """Return the headers that prove who we are; may have to ask for a token first."""
        ...

    def renew(self, status: int) -> bool:
        """Forget a token that was refused with this status; true if another may do better."""
        ...

    def secrets(self) -> Iterable[str]:
        """Return what no message may contain."""
        ...

    def urls(self) -> Iterable[str]:
        """Return the URLs that secrets are sent to, but for those below the session's own."""
        ...


class NoAuth:
    """A system that asks for nothing."""

    def headers(self, session: "Session") -> Mapping[str, str]:
        """Prove nothing."""
        return {}

    def renew(self, status: int) -> bool:
        """Have no other credentials."""
        return False

    def secrets(self) -> Iterable[str]:
        """Know no secrets."""
        return ()

    def urls(self) -> Iterable[str]:
        """Ask nobody."""
        return ()


@dataclass(frozen=True)
class Answer:
    """A complete answer of whatever status. `skew`: seconds the system's clock is ahead."""

    request: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    secrets: tuple[str, ...] = field(default=(), repr=False)
    skew: float | None = None

    @cached_property
    def json(self) -> Any:
        """Return what the body says, amounts as decimals; raise ConnectorError if it is no JSON."""
        try:
            return strict_json.read(self.body, with_any_text=True)
        except strict_json.BadJson as error:
            message = f"{self.request} was answered with something that is not JSON: {error}"
            raise ConnectorError(message, kind=Kind.BAD_ANSWER, status=self.status) from None

    @property
    def json_or_none(self) -> Any:
        """Return what the body says, or None if it is no JSON."""
        try:
            return self.json
        except ConnectorError:
            return None

    @property
    def etag(self) -> str | None:
        return self.headers.get("etag")

    @property
    def next_link(self) -> str | None:
        """Return the URL of the next page (RFC 8288), as it was sent."""
        found = re.search(r'<([^<>]*)>[^,<]*;\s*rel="?next"?', self.headers.get("link", ""), re.I)
        return found[1] if found else None

    @property
    def excerpt(self) -> str:
        """Return the beginning of the body for an operator: no secret, nothing that deceives."""
        text = " ".join(self.body[: 4 * LONGEST_EXCERPT].decode("utf-8", "replace").split())
        return escaped(scrub(text, self.secrets)[:LONGEST_EXCERPT])

    @property
    def retry_after(self) -> float | None:
        """Return the pause that was asked for, in seconds, whether as seconds or as a date."""
        return read_retry_after(self.headers.get("retry-after"), self.headers.get("date"))

    def failure(self) -> ConnectorError | None:
        """Return what is wrong with the answer to something that was only read."""
        if 200 <= self.status < 300:
            return None
        message = f"{self.request} was answered with {self.status}: {self.excerpt}"
        if self.status in (404, 410):
            return Gone(message, status=self.status)
        kind, permanent = _kind_of(self.status)
        pause = self.retry_after
        if kind == Kind.RATE_LIMITED:
            pause = PAUSE if pause is None else pause
        return ConnectorError(
            message, kind=kind, permanent=permanent, retry_after=pause, status=self.status
        )


def _kind_of(status: int) -> tuple[Kind, bool]:
    known = {401: Kind.AUTH, 403: Kind.FORBIDDEN, 407: Kind.AUTH}
    if status in known:
        return known[status], True
    if status == 429:
        return Kind.RATE_LIMITED, False
    if status >= 500 or status in (408, 425):
        return Kind.SERVER, False
    if 300 <= status < 400:
        return Kind.BAD_ANSWER, True
    return Kind.BAD_REQUEST, True


def read_retry_after(value: str | None, date: str | None = None) -> float | None:
    """Return seconds of a Retry-After header (RFC 9110 §10.2.3), measured by the system's clock."""
    if not value:
        return None
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value.strip()):
        return min(float(value), LONGEST_PAUSE)
    until, now = _date(value), _date(date) or datetime.now(UTC)
    return min(max((until - now).total_seconds(), 0.0), LONGEST_PAUSE) if until else None


def _date(value: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value or "")
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def scrub(text: str, secrets: Iterable[str]) -> str:
    """Return a text without these secrets."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "[secret]") if len(secret) > 3 else text
    return text


def steady() -> float:
    """Return seconds of the clock by which pauses are kept: nobody sets it."""
    return time.monotonic()


class Budget:
    """So many requests a minute and no more; decisions may use what lists may not.

    While the system wants to be left alone there are none, for anybody.
    """

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._left = float(per_minute)
        self._at = time.monotonic()
        self._paused_until = 0.0
        self._lock = threading.Lock()

    def pause(self, seconds: float) -> None:
        """Let nothing be sent for so long; a longer pause stays."""
        with self._lock:
            self._paused_until = max(self._paused_until, steady() + seconds)

    def spend(self, purpose: str) -> None:
        """Take one request out of the budget, or raise ConnectorError with the time to wait."""
        reserve = min(SHARES[purpose] * self.per_minute, self.per_minute - 1)
        with self._lock:
            asked = self._paused_until - steady()
            if asked > 0:
                message = f"The system asked for a pause; it ends in {asked:.0f} s."
                raise ConnectorError(message, kind=Kind.RATE_LIMITED, retry_after=asked)
            now = time.monotonic()
            gained = (now - self._at) * self.per_minute / 60
            self._left, self._at = min(self._left + gained, float(self.per_minute)), now
            missing = reserve + 1 - self._left
            if missing <= 0:
                self._left -= 1
                return
        pause = missing * 60 / self.per_minute
        message = f"The budget of {self.per_minute} requests a minute is spent."
        raise ConnectorError(message, kind=Kind.RATE_LIMITED, retry_after=pause)


_budgets: dict[tuple[str, int], Budget] = {}


class Session:
    """Requests to one system. Errors name the method and the path, never a query or a secret.

    `total`: seconds for a request from look-up to last byte; `largest`: bytes of an answer;
    `per_minute`: the budget that all sessions of this process for the same base URL share.
    """

    def __init__(
        self,
        base_url: str,
        *,
        auth: Auth | None = None,
        headers: Mapping[str, str] | None = None,
        secrets: Iterable[str] = (),
        total: float = TOTAL_SECONDS,
        largest: int = LARGEST_BYTES,
        per_minute: int | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.auth: Auth = auth or NoAuth()
        self.default_headers = {"Accept": "application/json", **(headers or {})}
        self.total, self.largest = total, largest
        self._secrets = tuple(secrets)
        self.skew: float | None = None
        self._budget: Budget | None = None
        self._ends: float | None = None
        self.tally = Tally()
        if per_minute:
            self.limit(self.base_url, per_minute)

    def limit(self, owner: str, per_minute: int) -> None:
        """Share a budget with all sessions of this process for the owner; a lower one stays."""
        if self._budget is None or self._budget.per_minute > per_minute:
            key = (owner, per_minute)
            self._budget = _budgets.setdefault(key, Budget(per_minute))

    def end_within(self, seconds: float) -> None:
        """Let every request from now on be over by then, whatever each of them might take."""
        self._ends = time.monotonic() + seconds

    def read(self, path: str, *, purpose: str, **options: Any) -> Answer:
        """Send a request that changes nothing; raise ConnectorError unless it succeeds."""
        answer = self.send(options.pop("method", "GET"), path, purpose=purpose, **options)
        failure = answer.failure()
        if failure is not None:
            raise failure
        return answer

    def send(
        self,
        method: str,
        path: str,
        *,
        purpose: str,
        query: Query = (),
        body: Any = None,
        form: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request and return the answer of whatever status; raise ConnectorError without.

        `path` is one below the base URL, or a URL at the same place (a next link).
        """
        url = self.url(path, query)
        for attempt in (1, 2):
            if self._budget:
                self._budget.spend(purpose)
            proof = self.auth.headers(self)
            answer = self.exchange(method, url, {**proof, **(headers or {})}, body, form)
            if attempt == 2 or not self.auth.renew(answer.status):
                break
        return answer

    def secrets(self) -> tuple[str, ...]:
        """Return what no message may contain."""
        return (*self._secrets, *self.auth.secrets())

    def places(self) -> frozenset[str]:
        """Return the servers that secrets are sent to: scheme, host and port of each."""
        return frozenset(map(_place, (self.base_url, *self.auth.urls())))

    def now(self) -> datetime:
        """Return the system's time, as far as its last answer told."""
        return datetime.now(UTC) + timedelta(seconds=self.skew or 0)

    def url(self, path: str, query: Query = ()) -> str:
        """Return the URL of a path below the base, or of a link to the same place."""
        url = path if "://" in path else self.base_url + path
        if _origin(url) != _origin(self.base_url):
            message = f"A link leads to another place ({_origin(url)}); it was not followed."
            raise ConnectorError(message, kind=Kind.BAD_ANSWER, permanent=True)
        if {".", ".."}.intersection(urlsplit(url).path.split("/")):
            raise ConnectorError("A path has '..' in it.", kind=Kind.BAD_ANSWER, permanent=True)
        pairs = list(query.items() if isinstance(query, Mapping) else query)
        mark = "&" if "?" in url else "?"
        return f"{url}{mark}{urlencode(pairs)}" if pairs else url

    def exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: Any, form: bool = False
    ) -> Answer:
        """Send one request as it is, without credentials but those in `headers`."""
        named = f"{method} {url.partition('?')[0]}"
        content, kind = _content(body, form)
        sent = {**self.default_headers, **kind, **headers}
        if not all(_HEADER.fullmatch(value) for value in sent.values()):
            message = f"{named}: a header has characters that cannot be sent."
            raise ConnectorError(message, kind=Kind.BAD_REQUEST, permanent=True)
        started = datetime.now(UTC)
        self.tally.count()
        reply = self._reply(named, method, url, sent, content)
        skew = _skew(reply.headers.get("date"), started)
        self.skew = self.skew if skew is None else skew
        answer = Answer(
            request=named,
            status=reply.status,
            headers=reply.headers,
            body=reply.body,
            secrets=self.secrets(),
            skew=skew,
        )
        pause = answer.retry_after if answer.status >= 400 else None
        self.tally.hear(read_limit(answer.headers, now=self.now()), pause)
        if self._budget and pause and answer.status in ASK_FOR_A_PAUSE:
            self._budget.pause(pause)
        return answer

    def _reply(
        self, named: str, method: str, url: str, headers: Mapping[str, str], content: bytes
    ) -> egress.Reply:
        try:
            reply = egress.request(
                method,
                url,
                headers=headers,
                body=content,
                total=self._time_for(named),
                largest=self.largest,
            )
        except (egress.Unreachable, egress.TlsFailed) as error:
            message = scrub(f"{named}: {error.word}: {error}", self.secrets())
            raise ConnectorError(message, kind=Kind.UNREACHABLE) from None
        except egress.EgressError as error:
            kind = Kind.BAD_ANSWER if isinstance(error, egress.NotHttp) else Kind.TIMEOUT
            raise ConnectorError(f"{named}: {error.word}", kind=kind, status=error.status) from None
        if not reply.is_whole:
            message = f"{named}: the answer is larger than {self.largest} bytes."
            raise ConnectorError(message, kind=Kind.BAD_ANSWER, status=reply.status)
        return reply

    def _time_for(self, named: str) -> float:
        """Return how many seconds a request may take."""
        if self._ends is None:
            return self.total
        left = self._ends - time.monotonic()
        if left <= 0:
            raise ConnectorError(f"{named}: there was no time left for it.", kind=Kind.TIMEOUT)
        return min(self.total, left)


def _origin(url: str) -> str:
    try:
        target = targets.parse(url)
    except targets.BadTarget as error:
        raise ConnectorError(f"A URL cannot be called: {error}", kind=Kind.BAD_ANSWER) from None
    return f"{target.scheme}://{target.host_header}"


def _place(url: str) -> str:
    """Return an origin; what cannot be called is at no place but its own."""
    try:
        return _origin(url)
    except ConnectorError:
        return url


def _content(body: Any, form: bool) -> tuple[bytes, dict[str, str]]:
    if body is None:
        return b"", {}
    if form:
        return urlencode(body).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
    # A float would do for nearly every amount; the text of a decimal does for all.
    text = json.dumps(body, ensure_ascii=False, default=_decimal)
    return text.encode("utf-8"), {"Content-Type": "application/json"}


def _decimal(value: object) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def _skew(date: str | None, started: datetime) -> float | None:
    told = _date(date)
    if told is None:
        return None
    now = datetime.now(UTC)
    # The header has whole seconds: half a second is as near as it comes.
    return round((told - started - (now - started) / 2).total_seconds() + 0.5, 1)
