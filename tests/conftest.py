"""What every test may ask for, and which suites this machine can run."""

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.api.agent import Agent
from tests.factories import TrackFactory, WorkspaceFactory, issue_key
from tracks import clock as tracks_clock
from tracks.authentication import forget_identities
from tracks.hands import Hands
from tracks.models import Track, Workspace

# As a file is named, and as a test is that speaks to it through another connector.
OF_RT = re.compile("request.tracker", re.I)


class BySetUp(LoadScopeScheduling):
    """Gives a process a file at a time, whose tests share what was set up for them.

    Those of Request Tracker share the one: what one of them polls, it marks for all to see. (The
    groups of pytest-xdist 3.8 would do, but are lost with pytest 9.2: pytest-xdist #1386.) Those of
    the browser share nothing, take long, and come last.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::")[0]
        if file.startswith("tests/browser/"):
            return nodeid
        is_shared = file.startswith("tests/mirroring/") and OF_RT.search(nodeid)
        return "rt" if is_shared else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> BySetUp:
    return BySetUp(config, log)


NO_SKIPS = os.environ.get("SAYSO_TEST_NO_SKIPS") == "1"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    _leave_out_airflow(config, items)
    items.sort(key=_place)
    for item in items:
        # Before anything is written: rows made by the real clock would lie in the future.
        names = getattr(item, "fixturenames", [])
        if "clock" in names:
            names.insert(0, names.pop(names.index("clock")))
        if item.get_closest_marker("postgresql") and not _has_postgresql():
            item.add_marker(pytest.mark.skip(reason="wants PostgreSQL: set DATABASE_URL"))
        if item.get_closest_marker("sqlite") and _has_postgresql():
            item.add_marker(pytest.mark.skip(reason="wants SQLite"))
        if item.get_closest_marker("redis") and not settings.REDIS_URL:
            item.add_marker(pytest.mark.skip(reason="wants Redis: set REDIS_URL"))
        if item.get_closest_marker("rt") and "SAYSO_TEST_RT_URL" not in os.environ:
            reason = "wants Request Tracker: set SAYSO_TEST_RT_URL and SAYSO_TEST_RT_TOKENS"
            item.add_marker(pytest.mark.skip(reason=reason))


def _place(item: pytest.Item) -> int:
    """Return where a test comes: those that take longest one after the other begin first."""
    if item.get_closest_marker("rt"):
        return 0
    # Playwright leaves an event loop running in the thread of the tests.
    return 2 if "tests/browser" in item.nodeid else 1


def _leave_out_airflow(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what is for `make test-airflow` alone: it is missed nowhere else, so not skipped."""
    if "SAYSO_TEST_AIRFLOW_URL" in os.environ:
        return
    left_out = [item for item in items if item.get_closest_marker("airflow")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("airflow")]


def _has_postgresql() -> bool:
    return settings.DATABASES["default"]["ENGINE"].endswith("postgresql")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if NO_SKIPS and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    if not skipped:
        return
    reasons = sorted({report.longrepr[2].removeprefix("Skipped: ") for report in skipped})
    terminalreporter.section("suites that did not run here")
    for reason in reasons:
        count = sum(reason in report.longrepr[2] for report in skipped)
        terminalreporter.line(f"{count} tests: {reason}")
    if NO_SKIPS:
        terminalreporter.line("Skipping is a failure in this run (SAYSO_TEST_NO_SKIPS=1).")


@pytest.fixture(autouse=True)
def _fresh_memory() -> Iterator[None]:
    """Nothing that a process remembers outlives a test."""
    cache.clear()
    forget_identities()
    yield
    forget_identities()


@pytest.fixture(autouse=True)
def _no_threads_for_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a task lets a thread do is done when the task has returned (tests/tracks/test_hands)."""
    monkeypatch.setattr(Hands, "_hand_out", Hands._work)


@pytest.fixture
def vendor(db: None) -> str:
    return connection.vendor


class Clock:
    """The database's clock in the hands of a test: it stands still until it is moved."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> datetime:
        """Let time pass (hours=1, milliseconds=5), and return the new time."""
        self.now += timedelta(**by)
        return self.now

    def move_to(self, moment: datetime) -> datetime:
        """Set the clock, and return the new time."""
        self.now = moment
        return moment


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Time stands at 2026-11-22T10:00:00.000Z for everything that asks the database for it."""
    standing = Clock(datetime(2026, 11, 22, 10, tzinfo=UTC))
    monkeypatch.setattr(tracks_clock, "_read_clock", standing)
    return standing


@pytest.fixture
def workspace(db: None) -> Workspace:
    return WorkspaceFactory(name="Acme")


@pytest.fixture
def track(workspace: Workspace) -> Track:
    return TrackFactory(workspace=workspace)


@pytest.fixture
def agent(workspace: Workspace) -> Agent:
    """An agent of the workspace whose key has every scope."""
    return Agent(issue_key(workspace))
