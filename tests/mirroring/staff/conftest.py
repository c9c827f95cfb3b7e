"""Members of staff, and a system on loopback whose approvals they look after."""

from collections.abc import Iterator

import pytest
from django.test import Client

from mirroring.models import Connection
from tests.mirroring.connections.declared import LIST, connect
from tests.mirroring.connectors.api import Api, serving
from tests.mirroring.connectors.definitions import row
from tests.staff.conftest import Hire, hire
from tracks.models import Workspace

__all__ = ["hire"]


@pytest.fixture
def api() -> Iterator[Api]:
    """A system of record that answers as the test says."""
    with serving() as serves:
        yield serves


@pytest.fixture
def erp(workspace: Workspace, api: Api) -> Connection:
    api.on(LIST, {"rows": [row(1), row(2)]})
    return connect(workspace, api)


@pytest.fixture
def integrator(hire: Hire, workspace: Workspace) -> Client:
    return hire("Integrator", workspace)
