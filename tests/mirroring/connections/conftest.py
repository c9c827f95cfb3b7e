"""What the tests of connections share: a system of record, and an agent who has no part in it."""

from collections.abc import Iterator

import pytest

from tests.api.agent import Agent
from tests.factories import WorkspaceFactory, issue_key
from tests.mirroring.connectors.api import Api, serving
from tracks import authentication
from tracks.models import Workspace


@pytest.fixture(autouse=True)
def _no_background(monkeypatch: pytest.MonkeyPatch) -> None:
    """The note of when a key was last used waits for no lock that a test holds."""
    monkeypatch.setattr(authentication, "run_in_background", lambda *_: None)


@pytest.fixture
def api() -> Iterator[Api]:
    """A system of record that answers as the test says."""
    with serving() as serves:
        yield serves


@pytest.fixture
def stranger(db: None) -> Agent:
    """An agent of another workspace."""
    elsewhere: Workspace = WorkspaceFactory(name="Elsewhere")
    return Agent(issue_key(elsewhere))
