"""Malformed messages of every kind: 4xx, never a 500, quickly (IN-02, IN-03, IN-06 to IN-15)."""

import asyncio
import json
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from mirroring.models import InboundHook, Record
from tests.mirroring.payloads import EXPENSE_REPORT, expense_report
from tests.webhooks.inbox import Sender
from tests.webhooks.test_signing import IDS, SIGNATURES, TIMESTAMPS
from tracks.models import Workspace

pytestmark = pytest.mark.django_db

SECONDS = 0.2


@pytest.fixture
def sender(workspace: Workspace) -> Sender:
    sender = Sender(workspace)
    sender.post(b"{}")  # what the first request of a process loads is not what is measured
    return sender


@pytest.fixture
def refused(sender: Sender) -> Callable[..., Any]:
    """Post, and hold the answer to what every refusal must be."""

    def check(*args: Any, status: int, code: str, **options: Any) -> Any:
        taken = []
        for _ in range(3):  # the machine may be busy with something else for once
            started = time.thread_time()
            response = sender.post(*args, **options)
            taken.append(time.thread_time() - started)
        assert (response.status_code, response.json()["code"]) == (status, code)
        assert response.headers["Content-Type"] == "application/problem+json"
        assert min(taken) < SECONDS
        assert not InboundHook.objects.exists()
        assert not Record.objects.exists()
        return response

    return check


# --- headers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("signature", SIGNATURES)
def test_signatures(signature: str, sender: Sender, refused: Any) -> None:
    """IN-02."""
    headers = sender.signed(EXPENSE_REPORT) | {"webhook-signature": signature}
    refused(headers=headers, status=401, code="unauthorized")


@pytest.mark.parametrize("timestamp", TIMESTAMPS)
def test_timestamps(timestamp: str, sender: Sender, refused: Any) -> None:
    """IN-03."""
    headers = sender.signed(EXPENSE_REPORT) | {"webhook-timestamp": timestamp}
    refused(headers=headers, status=401, code="unauthorized")


@pytest.mark.parametrize("offset", [-301, 302])
def test_times(offset: int, sender: Sender, refused: Any) -> None:
    """IN-03."""
    headers = sender.signed(EXPENSE_REPORT, at=time.time() + offset)
    refused(headers=headers, status=401, code="unauthorized")


@pytest.mark.parametrize("offset", [-298, 298])
def test_times_that_are_near_enough(offset: int, sender: Sender) -> None:
    headers = sender.signed(EXPENSE_REPORT, at=time.time() + offset)
    assert sender.post(headers=headers).status_code == 202


@pytest.mark.parametrize("id", IDS)
def test_ids(id: str, sender: Sender, refused: Any) -> None:
    """IN-07."""
    headers = sender.signed(EXPENSE_REPORT, id=id)
    refused(headers=headers, status=401, code="unauthorized")


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_missing_headers(name: str, sender: Sender, refused: Any) -> None:
    headers = sender.signed(EXPENSE_REPORT)
    del headers[name]
    refused(headers=headers, status=401, code="unauthorized")


def test_a_thousand_signatures(sender: Sender, refused: Any) -> None:
    """IN-02."""
    good = sender.signed(EXPENSE_REPORT)
    many = " ".join(["v1," + "A" * 43 + "="] * 1000 + [good["webhook-signature"]])
    refused(headers=good | {"webhook-signature": many}, status=401, code="unauthorized")


def test_every_refusal_of_a_sender_has_one_shape(sender: Sender) -> None:
    """IN-02: only the request's own id differs."""
    good = sender.signed(EXPENSE_REPORT)
    shapes = set()
    for headers in (
        {},
        {"Authorization": "Bearer x"},
        good | {"webhook-signature": "v1,AAAA"},
        good | {"webhook-timestamp": "1"},
        good | {"webhook-id": "a.b"},
    ):
        response = sender.post(headers=headers)
        content = response.json()
        content.pop("request_id")
        shapes.add(
            (response.status_code, json.dumps(content), response.headers["WWW-Authenticate"])
        )
    assert len(shapes) == 1


def test_a_signature_over_the_same_json_written_otherwise(sender: Sender, refused: Any) -> None:
    """IN-06."""
    headers = sender.signed(EXPENSE_REPORT)
    other = json.dumps(json.loads(EXPENSE_REPORT)).encode()
    refused(other, headers=headers, status=401, code="unauthorized")


# --- bodies --------------------------------------------------------------------------------------

DEEP = b'{"a":' * 10_000 + b"1" + b"}" * 10_000
BODIES: dict[str, bytes] = {
    "nothing": b" ",
    "no JSON": b"report_id=EXP-1",
    "half of it": EXPENSE_REPORT[:-5],
    "two of it": EXPENSE_REPORT * 2,
    "the same name twice": b'{"report_id":"A","report_id":"B","approver":{"email_addr":"a@b.com"}}',
    "the same name twice inside": b'{"report_id":"A","approver":{"email_addr":"a@b.com",'
    b'"email_addr":"c@d.com"}}',
    "NaN": b'{"report_id":"A","total_amount":NaN}',
    "Infinity": b'{"report_id":"A","total_amount":-Infinity}',
    "depth of 10,000": DEEP,
    "lists of depth 100,000": b"[" * 100_000,
    "a million keys": b"{" + b",".join(b'"%d":1' % number for number in range(90_000)) + b"}",
    "half a million lists": b"[" + b"[]," * 300_000 + b"[]]",
    "half a million objects": b"[" + b"{}," * 300_000 + b"{}]",
    "an integer of 900,000 digits": b'{"total_amount":' + b"9" * 900_000 + b"}",
    "an integer of 5,000 digits": b'{"total_amount":' + b"9" * 5_000 + b"}",
    "an exponent out of all range": b'{"total_amount":1e99999999999999999999}',
    "half a surrogate pair": b'{"report_id":"\\ud800"}',
    "half a surrogate pair as a name": b'{"\\udc00":1}',
    "U+0000": b'{"report_id":"a\\u0000b"}',
    "a raw control character": b'{"report_id":"a\x01b"}',
    "a byte order mark": b"\xef\xbb\xbf" + EXPENSE_REPORT,
    "UTF-16": EXPENSE_REPORT.decode().encode("utf-16"),
    "UTF-32": EXPENSE_REPORT.decode().encode("utf-32"),
    "Latin-1": '{"report_id":"ü"}'.encode("latin-1"),
    "no UTF-8": b'{"report_id":"\xff\xfe"}',
    "overlong UTF-8": b'{"report_id":"\xc0\xaf"}',
    "single quotes": b"{'report_id': 'A'}",
    "a comment": b'{"report_id": "A" /* x */}',
    "a trailing comma": b'{"report_id": "A",}',
}


@pytest.mark.parametrize("name", BODIES)
def test_bodies(name: str, refused: Any) -> None:
    """IN-11."""
    refused(BODIES[name], status=400, code="malformed")


@pytest.mark.parametrize("name", ["a million keys", "half a million objects", "depth of 10,000"])
def test_no_body_takes_much_memory(name: str, sender: Sender) -> None:
    """IN-11."""
    headers = sender.signed(BODIES[name])
    tracemalloc.start()
    sender.post(BODIES[name], headers=headers)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50_000_000


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"5", b"null", b"true", b"{}"])
def test_json_that_is_no_report(body: bytes, refused: Any) -> None:
    refused(body, status=422, code="invalid")


@pytest.mark.parametrize(
    "amount", ["1e31", "1E-31", "0." + "1" * 60, "1e400", "-1e400", "1" * 41, "1e999999"]
)
def test_amounts_that_are_none(amount: str, refused: Any) -> None:
    body = EXPENSE_REPORT.replace(b"750.50", amount.encode())
    refused(body, status=422, code="invalid")


@pytest.mark.parametrize(
    "content_type",
    [
        *(
            "text/plain",
            "application/xml",
            "application/x-www-form-urlencoded",
            "application/jsonp",
        ),
        *("multipart/form-data; boundary=x", "", "json", "application/json-seq", "text/json"),
    ],
)
def test_content_types(content_type: str, refused: Any) -> None:
    """IN-15."""
    refused(content_type=content_type, status=415, code="unsupported_media_type")


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"]
)
def test_content_types_that_are_json(content_type: str, sender: Sender) -> None:
    assert sender.post(content_type=content_type).status_code == 202


def test_a_megabyte_and_no_more(sender: Sender, refused: Any) -> None:
    """IN-10."""
    room = 1024 * 1024 - len(expense_report(padding=""))
    refused(expense_report(padding="x" * (room + 1)), status=413, code="too_large")
    assert sender.post(expense_report(padding="x" * room)).status_code == 202


def test_a_chunked_body_without_end_is_refused_before_it_is_read() -> None:
    """IN-10: by the router, which every request passes."""
    from config.asgi import application

    read, sent = 0, []

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 65_536
        return {"type": "http.request", "body": b"x" * 65_536, "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "scheme": "http",
        "method": "POST",
        "path": f"/webhooks/con_{'0' * 32}",
        "query_string": b"",
        "headers": [(b"transfer-encoding", b"chunked"), (b"content-type", b"application/json")],
    }
    asyncio.run(application(scope, receive, send))  # type: ignore[arg-type]
    assert sent[0]["status"] == 413
    assert read <= 1024 * 1024 + 65_536
