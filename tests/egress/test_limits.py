"""A receiver cannot cost more than 15 seconds and 64 kB (WH-15, WH-16)."""

import contextlib
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from config import egress
from tests import receivers
from tests.receivers import Script, receiving, reply, send

pytestmark = pytest.mark.usefixtures("loopback_allowed")

SECONDS = 0.6  # stands for 15


def call(url: str, **options: Any) -> egress.Reply:
    return egress.request("POST", url, headers={}, body=b"{}", **options)


def test_the_limits_are_those_that_are_promised() -> None:
    assert (egress.CONNECT_SECONDS, egress.TOTAL_SECONDS) == (5, 15)
    assert egress.LARGEST_READ == 64 * 1024


@pytest.mark.parametrize(
    ("script", "status"),
    [
        (receivers.hang, None),
        (receivers.slow_headers, None),
        (receivers.slow_body, 200),
        (receivers.late(2), None),
    ],
)
def test_whoever_is_slow_is_left_at_the_limit(script: Script, status: int | None) -> None:
    with receiving(script) as receiver:
        started = time.monotonic()
        with pytest.raises(egress.TimedOut) as failure:
            call(receiver.url, total=SECONDS)
        assert SECONDS <= time.monotonic() - started < SECONDS + 0.3
    assert (failure.value.word, failure.value.status) == ("timeout", status)


@pytest.mark.parametrize("status", [200, 500])
def test_an_endless_body_is_read_to_the_limit_and_no_further(status: int) -> None:
    with receiving(receivers.endless(status)) as receiver:
        result = call(receiver.url)
    assert (result.status, result.is_whole) == (status, False)
    assert 60_000 < len(result.body) <= egress.LARGEST_READ


def test_a_gzip_bomb_stays_packed() -> None:
    receivers.bomb()
    with receiving(receivers.gzip_bomb) as receiver:
        tracemalloc.start()
        result = call(receiver.url)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert result.body[:2] == b"\x1f\x8b"
    assert len(result.body) <= egress.LARGEST_READ
    assert peak < 1_000_000


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (receivers.reset, egress.ConnectionLost),
        (receivers.endless_headers, egress.NotHttp),
        (receivers.endless_interim, egress.NotHttp),
        (send(b""), egress.ConnectionLost),
        (send(b"SSH-2.0-OpenSSH_9.2\r\n"), egress.ConnectionLost),
        (send(b"\x15\x03\x01\x00\x02\x02\x46"), egress.ConnectionLost),
        (send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"), egress.ConnectionLost),
        (send(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), egress.ConnectionLost),
        (
            send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
            egress.ConnectionLost,
        ),
    ],
)
def test_what_is_not_a_response_is_a_failure(
    script: Script, error: type[egress.EgressError]
) -> None:
    with receiving(script) as receiver, pytest.raises(error):
        call(receiver.url)


def test_a_body_that_breaks_off_is_a_failure_that_knows_its_status() -> None:
    with (
        receiving(receivers.cut_short) as receiver,
        pytest.raises(egress.ConnectionLost) as failure,
    ):
        call(receiver.url)
    assert failure.value.status == 200


def test_an_early_answer_counts_although_the_request_was_not_read() -> None:
    def script(connection: Any, _: Any) -> None:
        connection.sendall(receivers.response(413))

    with receiving(script) as receiver:
        result = egress.request("POST", receiver.url, headers={}, body=b"x" * 5_000_000)
    assert result.status == 413


@pytest.mark.parametrize("status", [200, 204, 299, 304, 404, 410, 500, 599])
def test_every_status_is_an_answer(status: int) -> None:
    body = b"" if status in (204, 304) else b"{}"
    with receiving(reply(status, body, Retry_After="7")) as receiver:
        result = call(receiver.url)
    assert (result.status, result.headers["retry-after"]) == (status, "7")


def test_a_megabyte_may_be_asked_for() -> None:
    body = b"x" * 1_000_000
    with receiving(reply(200, body)) as receiver:
        result = call(receiver.url, largest=2_000_000)
    assert (result.body, result.is_whole) == (body, True)


def test_sockets_are_closed_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []
    real: Callable[[Any], None] = egress._Stream.close
    monkeypatch.setattr(
        egress._Stream, "close", lambda stream: (closed.append("x"), real(stream))[1]
    )
    for script in (reply(200), receivers.reset, receivers.endless(200), receivers.cut_short):
        closed.clear()
        with receiving(script) as receiver, contextlib.suppress(egress.EgressError):
            call(receiver.url)
        assert closed
