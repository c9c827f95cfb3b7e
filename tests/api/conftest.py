"""What the tests of the wire share."""

import pytest

from tests.api.agent import Agent
from tests.factories import WorkspaceFactory, issue_key
from tracks import authentication
from tracks.models import Workspace


@pytest.fixture(autouse=True)
def _no_background(monkeypatch: pytest.MonkeyPatch) -> None:
    """The note of when a key was last used waits for no lock that a test holds."""
    monkeypatch.setattr(authentication, "run_in_background", lambda *_: None)


@pytest.fixture
def stranger(db: None) -> Agent:
    """An agent of another workspace."""
    elsewhere: Workspace = WorkspaceFactory(name="Elsewhere")
    return Agent(issue_key(elsewhere))
