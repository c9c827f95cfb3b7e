"""Bodies that are not what they say: 400, 413, 415, never a 500 (IN-11 for the API)."""

import json
from typing import Any

import pytest
from django.conf import settings

from tests.api.agent import Agent
from tests.api.calls import CALLS, Call
from tests.api.refused import code_of, error_of, nothing_written
from tests.factories import AskFactory
from tracks.models import Track

WRITES = [call for call in CALLS if call.method != "GET"]


def nested(depth: int) -> bytes:
    """Return a track whose metadata is so many objects and arrays deep, the body included."""
    inside = b"[" * (depth - 2) + b"]" * (depth - 2)
    return b'{"title": "A", "metadata": {"a": ' + inside + b"}}"


UNREADABLE = {
    "no JSON": b"title=A",
    "cut off": b'{"title": "A"',
    "more behind": b'{"title": "A"} {}',
    "single quotes": b"{'title': 'A'}",
    "trailing comma": b'{"title": "A",}',
    "comment": b'{"title": "A"} // x',
    "NaN": b'{"title": "A", "metadata": {"n": NaN}}',
    "Infinity": b'{"title": "A", "metadata": {"n": Infinity}}',
    "-Infinity": b'{"title": "A", "metadata": {"n": -Infinity}}',
    "1e999": b'{"title": "A", "metadata": {"n": 1e999}}',
    "-1e999": b'{"title": "A", "metadata": {"n": -1e999}}',
    "a name twice": b'{"title": "A", "title": "B"}',
    "a name twice inside": b'{"title": "A", "metadata": {"n": 1, "n": 1}}',
    "the same name, escaped": b'{"title": "A", "titl\\u0065": "B"}',
    "an integer of 5,000 digits": b'{"title": "A", "metadata": {"n": ' + b"9" * 5000 + b"}}",
    "UTF-8 with BOM": b'\xef\xbb\xbf{"title": "A"}',
    "UTF-16": '{"title": "A"}'.encode("utf-16"),
    "UTF-32": '{"title": "A"}'.encode("utf-32"),
    "Latin-1": '{"title": "ü"}'.encode("latin-1"),
    "cut UTF-8": b'{"title": "\xe2\x82"}',
    "an encoded surrogate": b'{"title": "\xed\xa0\x80"}',
    "an overlong slash": b'{"title": "\xc0\xaf"}',
    "a raw line break in a string": b'{"title": "A\nB"}',
    "a bad escape": b'{"title": "\\x41"}',
    "only white space": b" \n",
    "65 deep": nested(65),
    "500 deep": nested(500),
    "960 deep": nested(960),
    "10,000 deep": nested(10_000),
    "100,000 open brackets": b"[" * 100_000,
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_json_is_malformed(agent: Agent, body: bytes) -> None:
    with nothing_written():
        response = agent.call("POST", "/tracks", raw=body)
    assert code_of(response) == (400, "malformed")


@pytest.mark.parametrize("call", WRITES, ids=str)
def test_every_call_reads_its_body_so(agent: Agent, track: Track, call: Call) -> None:
    ask = AskFactory(track=track)
    path = call.path.format(track=track.public_id, ask=ask.public_id)
    with nothing_written():
        for body in (b"{", b'{"a": NaN}', b'{"a": 1, "a": 2}', b"\xff", b"[" * 2000):
            assert code_of(agent.call(call.method, path, raw=body)) == (400, "malformed")


@pytest.mark.parametrize("call", WRITES, ids=str)
@pytest.mark.parametrize("body", ["[]", '["title"]', '"title"', "1", "1.5", "true", "null"])
def test_a_body_is_an_object(agent: Agent, track: Track, call: Call, body: str) -> None:
    ask = AskFactory(track=track)
    path = call.path.format(track=track.public_id, ask=ask.public_id)
    with nothing_written():
        response = agent.call(call.method, path, raw=body.encode())
    assert code_of(response) == (422, "invalid")
    assert response.json()["errors"] == []


def test_what_is_deep_but_not_too_deep_is_read(agent: Agent) -> None:
    response = agent.call("POST", "/tracks", raw=nested(64))
    assert response.status_code == 201
    assert json.dumps(response.json()["metadata"]).count("[") == 62


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"title": "A", "metadata": {"n": ' + b"9" * 4000 + b"}}", 201),
        (b'{"title": "A", "metadata": {"n": 1.0000000000000000000001}}', 201),
        (b'{"title": "A", "metadata": {"n": -0}}', 201),
        (b'{"title": "A", "metadata": {"\\u0000": 1}}', 422),
        (b'{"title": "A", "metadata": {"n": ["\\u0000"]}}', 422),
        (b'{"title": "A", "metadata": {"n": "\\ud800"}}', 422),
        (b'{"title": "A", "metadata": {"\\udc00": 1}}', 422),
        (b'{"title": "A", "metadata": {"n": "\\ud83d\\ude00"}}', 201),
    ],
)
def test_metadata_holds_what_both_databases_can_give_back(
    agent: Agent, body: bytes, status: int
) -> None:
    response = agent.call("POST", "/tracks", raw=body)
    assert response.status_code == status
    if status == 201:
        assert response.json()["metadata"] == json.loads(body)["metadata"]
        again = agent.get(f"/tracks/{response.json()['id']}")
        assert again.json() == response.json()
    else:
        assert error_of(response) == ("metadata", "invalid")


def test_many_unknown_fields_are_not_all_named(agent: Agent) -> None:
    body = json.dumps({f"{number:06}": 0 for number in range(60_000)}).encode()
    with nothing_written():
        response = agent.call("POST", "/tracks", raw=body)
    assert code_of(response) == (422, "invalid")
    names = [error["field"] for error in response.json()["errors"]]
    assert names == [f"{number:06}" for number in range(20)]


def test_a_list_that_is_too_long_is_refused_before_its_items_are_looked_at(
    agent: Agent, track: Track
) -> None:
    steps = json.dumps({"title": "A", "steps": [0] * 300_000}).encode()
    ask = {"kind": "choice", "prompt": "x"}
    options = json.dumps(ask | {"config": {"options": [0] * 300_000}}).encode()
    approvers = json.dumps(ask | {"approvers": ["x"] * 150_000}).encode()
    path = f"/tracks/{track.public_id}/asks"
    for where, body, field in (
        ("/tracks", steps, "steps"),
        (path, options, "config.options"),
        (path, approvers, "approvers"),
    ):
        response = agent.call("POST", where, raw=body)
        assert code_of(response) == (422, "invalid")
        assert error_of(response) == (field, "max_length")


HALF_A_PAIR = [
    (b'{"title": "A", "\\ud800": 1}', "\\ud800", "unknown_field"),
    (b'{"title": "A", "customer_email": "a\\ud800@b.com"}', "customer_email", "email"),
]


@pytest.mark.parametrize(("body", "field", "code"), HALF_A_PAIR)
def test_half_a_surrogate_pair_is_named_without_being_sent_back(
    agent: Agent, body: bytes, field: str, code: str
) -> None:
    with nothing_written():
        response = agent.call("POST", "/tracks", raw=body)
    assert code_of(response) == (422, "invalid")
    assert error_of(response) == (field, code)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"kind": "\\ud800", "prompt": "x"}', "kind"),
        (b'{"kind": "confirm", "prompt": "x", "due_at": "\\ud800Z"}', "due_at"),
        (b'{"kind": "confirm", "prompt": "x", "config": {"risk": "\\udfff"}}', "config.risk"),
        (b'{"kind": "text", "prompt": "x", "config": {"validate": "\\ud800"}}', "config.validate"),
        (b'{"kind": "confirm", "prompt": "x", "config": {"\\ud800": 1}}', "config.\\ud800"),
    ],
)
def test_half_a_surrogate_pair_in_an_ask_is_refused(
    agent: Agent, track: Track, body: bytes, field: str
) -> None:
    with nothing_written():
        response = agent.call("POST", f"/tracks/{track.public_id}/asks", raw=body)
    assert code_of(response) == (422, "invalid")
    assert error_of(response)[0] == field


def test_half_a_surrogate_pair_names_a_summary_entry(agent: Agent, track: Track) -> None:
    body = b'{"kind": "confirm", "prompt": "x", "config": {"summary": {"\\ud800": "v"}}}'
    response = agent.call("POST", f"/tracks/{track.public_id}/asks", raw=body)
    assert code_of(response) == (422, "unsafe_text")
    assert response.json()["field"] == "config.summary.\\ud800"
    assert response.json()["detail"] == "U+D800 at offset 0 is not allowed here."


# -- no body, another type, too much ---------------------------------------------------------------


@pytest.mark.parametrize("content_type", ["application/json", "", "text/plain"])
def test_a_post_without_a_body_is_an_empty_object(
    agent: Agent, track: Track, content_type: str
) -> None:
    path = f"/tracks/{track.public_id}/complete"
    assert agent.call("POST", path, raw=b"", content_type=content_type).status_code == 200


def test_an_empty_object_is_what_is_missing_its_fields(agent: Agent) -> None:
    for raw in (b"", b"{}"):
        response = agent.call("POST", "/tracks", raw=raw)
        assert code_of(response) == (422, "invalid")
        assert error_of(response) == ("title", "required")


@pytest.mark.parametrize("call", WRITES, ids=str)
@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/jsonx",
        "application/problem+json",
    ],
)
def test_a_body_of_another_type_is_not_read(
    agent: Agent, track: Track, call: Call, content_type: str
) -> None:
    """IN-15 for the API."""
    ask = AskFactory(track=track)
    path = call.path.format(track=track.public_id, ask=ask.public_id)
    with nothing_written():
        response = agent.call(call.method, path, raw=b'{"title": "A"}', content_type=content_type)
    assert code_of(response) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"]
)
def test_json_is_read_as_utf_8(agent: Agent, content_type: str) -> None:
    raw = '{"title": "ü"}'.encode()
    response = agent.call("POST", "/tracks", raw=raw, content_type=content_type)
    assert response.json()["title"] == "ü"


def padded(size: int) -> bytes:
    body = b'{"title": "A"}'
    return body + b" " * (size - len(body))


@pytest.mark.parametrize("call", WRITES, ids=str)
def test_a_body_over_one_megabyte_is_too_large(agent: Agent, track: Track, call: Call) -> None:
    path = call.path.format(track=track.public_id, ask="x")
    with nothing_written():
        response = agent.call(call.method, path, raw=padded(settings.LARGEST_BODY + 1))
    assert code_of(response) == (413, "too_large")


def test_a_body_of_one_megabyte_is_read(agent: Agent) -> None:
    assert settings.LARGEST_BODY == 1024 * 1024
    assert agent.call("POST", "/tracks", raw=padded(settings.LARGEST_BODY)).status_code == 201


@pytest.mark.parametrize("length", ["1048577", "9" * 30, "-1", "x", "1.5", "²", "１"])
def test_a_declared_length_is_believed_before_anything_is_read(agent: Agent, length: str) -> None:
    with nothing_written():
        response = agent.call("POST", "/tracks", raw=b"{}", headers={"Content_Length": length})
    assert code_of(response) == (413, "too_large")


def test_a_get_with_a_body_is_a_get(agent: Agent, track: Track) -> None:
    response: Any = agent.call("GET", f"/tracks/{track.public_id}", raw=b"{")
    assert response.status_code == 200
