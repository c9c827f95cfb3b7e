"""The client that blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from sayso import _requests
from sayso._ask import Ask
from sayso._models.workspace import Queue, Usage
from sayso._session import start_session
from sayso._track import Track
from sayso._waiting import Watch
from sayso._wire import AskKind, AskStatus, TrackStatus

if TYPE_CHECKING:
    from sayso._drivers import Driver

TIMEOUT = 30.0  # seconds
MAX_RETRIES = 7  # about eight seconds of a server that is away
OUTAGE_GRACE = 300.0  # seconds


class Sayso:
    """A client of one workspace. Safe to use from several threads; keep one for the whole process.

        with Sayso() as client:
            track = client.create_track(title="Invoices", customer_email="cfo@acme.com")

    Args:
        api_key: `sk_live_…`; by default `SAYSO_API_KEY` of the environment.
        base_url: where Sayso runs; by default `SAYSO_BASE_URL`, else `http://127.0.0.1:8000`.
        timeout: seconds of silence after which a request counts as lost. Waiting for a person is
            not affected.
        max_retries: how often a request is tried again after a lost connection, 429, 502, 503, 504
            or 409 `idempotency_in_flight`, with growing pauses of 0.1 to 5 s; the default lasts
            about eight seconds. A plain 500 is tried again twice. `Retry-After` is honoured up to a
            minute; a longer one raises. All retries are safe: a POST carries one Idempotency-Key
            for all its tries.
        outage_grace: seconds after an ask's deadline for which a waiting call goes on trying to
            reach a server that is away, before it raises ConnectionFailed. Before the deadline it
            never gives up.

    Raises:
        SaysoError: there is no API key, or a setting cannot work.
    """

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        *,
        timeout: float = TIMEOUT,
        max_retries: int = MAX_RETRIES,
        outage_grace: float = OUTAGE_GRACE,
    ) -> None:
        session = start_session(
            api_key=api_key,
            base_url=base_url,
            timeout=timeout,
            max_retries=max_retries,
            outage_grace=outage_grace,
        )
        # Imported late: the HTTP library is most of what `import sayso` would cost.
        from sayso._drivers import Driver

        self._driver = Driver(session)
        self.tracks = Tracks(self._driver)
        self.asks = Asks(self._driver)

    def create_track(
        self,
        title: str,
        steps: Sequence[str] | None = None,
        customer_email: str | None = None,
        *,
        password: str | None = None,
        external_id: str | None = None,
        requester: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Track:
        """Open a track: a piece of work that an outside person can watch at `track.url`.

        Args:
            title: 1 to 200 characters.
            steps: the names of up to 50 stages, each up to 120 characters.
            customer_email: who watches, and who is asked by default.
            password: 8 to 128 characters, needed before anything of the track is shown.
            external_id: your own id, unique in the workspace, up to 255 characters. The same again,
                with the same fields, returns the existing track: give one if the agent may restart.
            requester: the address on whose behalf this is done; it can never be an approver.
            metadata: your own JSON object, up to 4 kB.

        Raises:
            Conflict: `external_id_taken`, by a track with other fields; `track_id` names it.
            Invalid: a field breaks a rule; `errors` says which.
        """
        send = _requests.create_track(
            title=title,
            steps=steps,
            customer_email=customer_email,
            password=password,
            external_id=external_id,
            requester=requester,
            metadata=metadata,
        )
        return Track(self._driver, self._driver.fetch(send))

    def queue(self, approver: str) -> Queue:
        """Return what still waits for an address; the queue's `text` says it in one sentence."""
        return Queue.read(self._driver.fetch(_requests.get_queue(approver)))

    def usage(self) -> Usage:
        """Return how many asks of the plan were used this month."""
        return Usage.read(self._driver.fetch(_requests.get_usage()))

    def close(self) -> None:
        """Close the connections. A closed client raises SaysoError on every call."""
        self._driver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._driver.session.base_url}>"


class Tracks:
    """`client.tracks`: the tracks of the workspace."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def get(self, track_id: str) -> Track:
        """Return a track by its id. Raise NotFound if the workspace has no such track."""
        return Track(self._driver, self._driver.fetch(_requests.get_track(track_id)))

    def list(
        self,
        *,
        status: TrackStatus | None = None,
        external_id: str | None = None,
        limit: int | None = None,
    ) -> Iterator[Track]:
        """Go through all tracks that match, page by page as they are needed.

        Args:
            limit: how many a page has, 1 to 100; the server's default is 25. It does not end the
                iteration; `itertools.islice` does.
        """
        filters = {"status": status, "external_id": external_id, "limit": limit}
        return (Track(self._driver, raw) for raw in _rows(self._driver, "/tracks", filters))


class Asks:
    """`client.asks`: the asks of the workspace."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def get(self, ask_id: str) -> Ask:
        """Return an ask by its id, to read it or to go on waiting after a crash.

        Such a handle does not follow escalations. If it ends as `timeout`, `escalated_to` names the
        ask that took over.

        Raises:
            NotFound: the workspace has no such ask.
        """
        return Ask(self._driver, Watch(self._driver.fetch(_requests.get_ask(ask_id))))

    def list(
        self,
        *,
        status: AskStatus | None = None,
        approver: str | None = None,
        track: str | None = None,
        kind: AskKind | None = None,
        risk: Literal["low", "medium", "high"] | None = None,
        limit: int | None = None,
    ) -> Iterator[Ask]:
        """Go through all asks that match, page by page as they are needed.

        Args:
            track: the id of a track.
            limit: how many a page has, 1 to 100; the server's default is 25. It does not end the
                iteration; `itertools.islice` does.
        """
        filters = {
            "status": status,
            "approver": approver,
            "track": track,
            "kind": kind,
            "risk": risk,
            "limit": limit,
        }
        return (Ask(self._driver, Watch(raw)) for raw in _rows(self._driver, "/asks", filters))

    def receipt(self, ask_id: str) -> dict[str, Any]:
        """Return the signed receipt of an ask, as the server issues it (scope `audit:read`)."""
        receipt: dict[str, Any] = self._driver.fetch(_requests.get_receipt(ask_id))
        return receipt


def _rows(driver: Driver, path: str, filters: Mapping[str, Any]) -> Iterator[Any]:
    cursor = None
    while True:
        page = driver.fetch(_requests.get_page(path, filters, cursor))
        yield from page["data"]
        cursor = page["next_cursor"]
        if cursor is None:
            return
