"""Requests that nobody would think of, drawn from the OpenAPI document, against the WSGI app.

A few examples for each call, always the same ones: nothing is a server error, and every answer is
one that the document describes.
"""

from collections.abc import Iterator

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from config.wsgi import application
from tests.api import openapi
from tests.factories import AskFactory, TrackFactory, answer, issue_key
from tracks.models import Track, Workspace

EXAMPLES = 25

schema = schemathesis.openapi.from_dict(openapi.document())
schema.app = application
schema.config.phases.coverage.enabled = False
schema.config.generation.with_security_parameters = False
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


@pytest.fixture(autouse=True)
def _one_connection() -> Iterator[None]:
    """The application leaves the connection open that the test's transaction is on."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@schema.include(path_regex=r"/api/v1/(tracks|asks)").parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_any_request_is_answered_as_the_document_says(
    case: schemathesis.Case, workspace: Workspace
) -> None:
    with transaction.atomic():  # each example starts from the same rows
        track = TrackFactory(workspace=workspace, steps=["x"] * 50)
        case.path_parameters = _real_ids(case, track)
        response = case.call(headers={"Authorization": f"Bearer {issue_key(workspace)}"})
        case.validate_response(response, checks=CHECKS)
        transaction.set_rollback(True)


def _real_ids(case: schemathesis.Case, track: Track) -> dict[str, object]:
    """Return the path's parameters with the ids of rows that exist."""
    drawn = dict(case.path_parameters or {})
    if "ask_id" in drawn:
        ask = AskFactory(track=track)
        if case.operation.path.endswith("/receipt"):
            answer(ask, True)
        drawn["ask_id"] = ask.public_id
    if "track_id" in drawn:
        drawn["track_id"] = track.public_id
    return drawn
