"""The OpenAPI document: valid, complete, and what the reference page shows."""

import json
from typing import Any

import pytest
import yaml
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from approvals.bodies import AskBody
from tests.api import openapi
from tests.api.calls import CALLS
from tracks.api import TrackBody


def component(name: str) -> Any:
    return openapi.document()["components"]["schemas"][name]


def test_the_document_is_valid_openapi_3_1_without_a_warning() -> None:
    with GENERATOR_STATS.silence():
        GENERATOR_STATS.reset()
        document = SchemaGenerator().get_schema(request=None, public=True)
        found = [*GENERATOR_STATS._warn_cache, *GENERATOR_STATS._error_cache]
    assert found == []
    validate_schema(document)
    assert document["openapi"] == "3.1.0"


def test_every_call_is_described() -> None:
    described = {
        (each["operationId"], method, path.removeprefix("/api/v1"))
        for method, path, each in openapi.operations()
    }
    names = {"track": "track_id", "ask": "ask_id"}
    ours = {
        (
            call.name,
            call.method,
            call.path.replace("/0/", "/{index}/").format(
                index="{index}", **{key: f"{{{name}}}" for key, name in names.items()}
            ),
        )
        for call in CALLS
    }
    assert ours <= described


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/api/v1/schema/", "application/vnd.oai.openapi"),
        ("/api/v1/schema/?format=json", "application/vnd.oai.openapi+json"),
    ],
)
def test_the_document_is_served_to_anybody(db: None, path: str, media_type: str) -> None:
    response = Client().get(path)
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith(media_type)
    read = json.loads if "json" in path else yaml.safe_load
    served = read(response.content)
    assert served["paths"].keys() == openapi.document()["paths"].keys()


def test_the_reference_page_shows_the_document(db: None) -> None:
    response = Client().get("/api/docs/")
    assert response.status_code == 200
    assert "/api/v1/schema/" in response.content.decode()
    assert "https://" not in response.headers["Content-Security-Policy"]


def test_lengths_and_limits_are_in_the_document() -> None:
    track = component("TrackBodyRequest")["properties"]
    assert (track["title"]["minLength"], track["title"]["maxLength"]) == (1, 200)
    assert (track["password"]["minLength"], track["password"]["maxLength"]) == (8, 128)
    assert (track["steps"]["maxItems"], track["steps"]["items"]["maxLength"]) == (50, 120)
    ask = component("AskRequestRequest")["properties"]
    assert ask["prompt"]["maxLength"] == 1000
    assert (ask["timeout_seconds"]["minimum"], ask["timeout_seconds"]["maximum"]) == (1, 2592000)
    assert ask["config"]["properties"]["details"]["maxLength"] == 8000


@pytest.mark.parametrize(
    ("name", "body"), [("TrackBodyRequest", TrackBody), ("AskRequestRequest", AskBody)]
)
def test_a_request_body_lists_its_fields_and_no_others_are_taken(name: str, body: Any) -> None:
    described = component(name)
    assert set(described["properties"]) == set(body().fields)
    assert described["additionalProperties"] is False


def test_every_refusal_is_a_problem_document() -> None:
    for _, _, operation in openapi.operations():
        refusals = {
            status: list(response["content"])
            for status, response in operation["responses"].items()
            if status >= "400"
        }
        assert {"400", "401", "403", "422", "429", "503"} <= set(refusals)
        assert set(map(tuple, refusals.values())) == {("application/problem+json",)}


def test_every_post_takes_an_idempotency_key() -> None:
    for method, _, operation in openapi.operations():
        names = [each["name"] for each in operation.get("parameters", []) if each["in"] == "header"]
        assert names == (["Idempotency-Key"] if method == "POST" else [])
