"""Systems to connect to."""

import contextlib
from collections.abc import Iterator

import pytest

from tests.mirroring.connectors import rt
from tests.mirroring.connectors.airflow_system import AirflowSystem
from tests.mirroring.connectors.api import Api, serving
from tests.mirroring.connectors.coupa_system import CoupaSystem
from tests.mirroring.connectors.github_system import GitHubSystem
from tests.mirroring.connectors.real_airflow import RealAirflowSystem
from tests.mirroring.connectors.servicenow_system import ServiceNowSystem
from tests.mirroring.connectors.system import System
from tests.mirroring.connectors.task_provider_system import TaskProviderSystem

SYSTEMS = {
    "airflow": AirflowSystem,
    "coupa": CoupaSystem,
    "github": GitHubSystem,
    "task_provider": TaskProviderSystem,
    "request_tracker": rt.RequestTrackerSystem,
    "rest over Request Tracker": rt.DeclaredRequestTracker,
    "servicenow": ServiceNowSystem,
    "real airflow": RealAirflowSystem,
}
MARKS = {
    "request_tracker": pytest.mark.rt,
    "rest over Request Tracker": pytest.mark.rt,
    "real airflow": pytest.mark.airflow,
}
PARAMS = [pytest.param(name, marks=MARKS.get(name, ())) for name in SYSTEMS]


@pytest.fixture
def api() -> Iterator[Api]:
    with serving() as serves:
        yield serves


@pytest.fixture(params=PARAMS)
def system(request: pytest.FixtureRequest) -> Iterator[System]:
    with contextlib.closing(SYSTEMS[request.param]()) as found:
        yield found


@pytest.fixture
def snow() -> Iterator[ServiceNowSystem]:
    with contextlib.closing(ServiceNowSystem()) as found:
        yield found


@pytest.fixture
def coupa() -> Iterator[CoupaSystem]:
    with contextlib.closing(CoupaSystem()) as found:
        yield found
