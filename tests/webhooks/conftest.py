"""What the tests of webhooks share: an operator who allows loopback, an endpoint, a courier."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from tests.api.agent import Agent
from tests.factories import AGENT, WorkspaceFactory, issue_key
from tests.receivers import Receiver, receiving
from tracks import authentication
from tracks.clock import database_now
from tracks.events import dispatch
from tracks.ids import known_id
from tracks.models import Dispatch, Event, Track, Workspace
from tracks.transitions import log_action
from webhooks import courier as courier_module
from webhooks import retries
from webhooks.courier import Courier
from webhooks.models import Delivery, Endpoint

V1 = "/webhook-endpoints"
# The pauses of the table with half of the jitter they may have.
PAUSES = [
    timedelta(seconds=seconds * 1.1)
    for seconds in (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
]


@pytest.fixture(autouse=True)
def _loopback_allowed(settings: Settings) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]


@pytest.fixture(autouse=True)
def _no_background(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authentication, "run_in_background", lambda *_: None)


@pytest.fixture(autouse=True)
def _no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not reached comes to light at once, and jitter is half of what it can be."""
    monkeypatch.setattr(courier_module, "UNREACHABLE_SHOWS_AFTER", 0.0)
    monkeypatch.setattr(retries, "some_chance", lambda: 0.5)


@pytest.fixture
def track(track: Track) -> Track:
    """A track of which everybody has heard."""
    run_consumers()
    return track


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that answers 200 until a test gives it other scripts."""
    with receiving() as one:
        yield one


@pytest.fixture
def carry(db: None) -> Callable[[], None]:
    """Do what workers do: run what waits for an event, carry what is due, and write it down."""

    def carry() -> None:
        run_consumers()
        one = Courier()
        one.carry()
        one.close()

    return carry


def run_consumers() -> None:
    """Run the consumers of every event, as is done after a commit; most tests commit nothing."""
    Dispatch.objects.update(next_attempt_at=database_now())
    for event_id in Dispatch.objects.values_list("pk", flat=True):
        dispatch(event_id)


class Hook:
    """An endpoint as its owner knows it."""

    def __init__(self, agent: Agent, body: dict[str, Any]) -> None:
        self.agent = agent
        self.id: str = body["id"]
        self.secret: str = body["secret"]
        self.body = body
        self.pk = known_id("whe", self.id)

    @property
    def row(self) -> Endpoint:
        return Endpoint.objects.get(pk=self.pk)

    @property
    def path(self) -> str:
        return f"{V1}/{self.id}"

    def deliveries(self, **params: str) -> list[dict[str, Any]]:
        """Return its deliveries as the API lists them, the oldest first."""
        query = "&".join(f"{name}={value}" for name, value in params.items())
        found: list[dict[str, Any]] = self.agent.get(f"{self.path}/deliveries?{query}").json()[
            "data"
        ]
        return found[::-1]

    def only(self) -> dict[str, Any]:
        """Return its only delivery."""
        [delivery] = self.deliveries()
        return delivery

    def row_of(self, delivery: dict[str, Any]) -> Delivery:
        return Delivery.objects.get(pk=known_id("dlv", delivery["id"]))


def add_hook(agent: Agent, url: str, **fields: Any) -> Hook:
    """Add an endpoint by the API."""
    response = agent.post(V1, {"url": url, **fields})
    assert response.status_code == 201, response.content
    return Hook(agent, response.json())


@pytest.fixture
def hook(agent: Agent, receiver: Receiver) -> Hook:
    """An endpoint that listens to asks and leads to the receiver."""
    return add_hook(
        agent,
        receiver.url,
        event_types=[f"input_request.{each}" for each in ASK_EVENTS],
    )


ASK_EVENTS = ("created", "answered", "cancelled", "timeout")


@pytest.fixture
def stranger(db: None) -> Agent:
    """An agent of another workspace."""
    elsewhere: Workspace = WorkspaceFactory(name="Elsewhere")
    return Agent(issue_key(elsewhere))


@pytest.fixture
def act(track: Track) -> Callable[[], Event]:
    """Let something happen that an endpoint for every event hears of."""

    def act() -> Event:
        to = {"track_id": track.pk, "workspace_id": track.workspace_id, "actor": AGENT}
        event = log_action(text="Pulled 47 invoices.", step=None, **to)
        run_consumers()
        return event

    return act


@pytest.fixture
def heard(agent: Agent, receiver: Receiver, track: Track) -> Hook:
    """An endpoint that listens to actions and leads to the receiver."""
    return add_hook(agent, receiver.url, event_types=["action.logged"])
