"""One look-up, every address checked, the connection to the checked one (SS-01 to SS-05, SS-14)."""

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import Settings

from config import egress
from tests.receivers import receiving, reply

Resolver = Callable[[dict[str, list[list[str]]]], list[str]]


def call(url: str, **options: Any) -> egress.Reply:
    return egress.request("POST", url, headers={}, body=b"{}", **options)


@pytest.fixture
def only_one(settings: Settings) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.1/32"]


@pytest.mark.usefixtures("only_one")
def test_a_name_is_looked_up_once_and_called_where_it_was_found(resolver: Resolver) -> None:
    """SS-03: the second answer of a name with a lifetime of zero is never asked for."""
    asked = resolver({"hooks.example": [["127.0.0.1"], ["127.0.0.2"]]})
    with receiving() as good, receiving(host="127.0.0.2") as bad:
        reply = call(f"http://hooks.example:{good.port}/hook?x=1")
        assert (reply.status, reply.body, reply.is_whole) == (200, b"ok", True)
        assert reply.peer == "127.0.0.1"
        assert asked == ["hooks.example"]
        assert bad.connections == 0
        [seen] = good.seen
    assert seen.line == "POST /hook?x=1 HTTP/1.1"
    assert seen.headers == {
        "host": f"hooks.example:{good.port}",
        "accept-encoding": "identity",
        "connection": "close",
        "content-length": "2",
    }


@pytest.mark.usefixtures("only_one")
def test_one_bad_address_refuses_the_whole_host(resolver: Resolver) -> None:
    """SS-02."""
    resolver({"mixed.example": [["127.0.0.1", "127.0.0.2"]]})
    with receiving() as good, receiving(host="127.0.0.2") as bad:
        for port in (good.port, bad.port):
            with pytest.raises(egress.Unreachable, match="an operator can admit it"):
                call(f"http://mixed.example:{port}/")
        assert (good.connections, bad.connections) == (0, 0)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1"]
)
def test_a_name_for_a_private_address_is_refused(address: str, resolver: Resolver) -> None:
    resolver({"rebind.example": [[address]]})
    with receiving() as listener:
        for url in ("https://rebind.example/", f"http://rebind.example:{listener.port}/"):
            with pytest.raises(egress.Unreachable):
                call(url)
        assert listener.connections == 0


def test_a_public_name_is_called_on_no_other_port_and_not_in_the_clear(
    resolver: Resolver, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """SS-06, SS-07: although the operator has networks of his own."""
    settings.EGRESS_ALLOW = ["10.0.0.0/8"]
    resolver({"public.example": [["8.8.8.8"]]})
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a packet would leave"))
    for url in ("http://public.example/", "https://public.example:8443/"):
        with pytest.raises(egress.Unreachable, match="Only https"):
            call(url)


@pytest.mark.usefixtures("only_one")
def test_the_other_end_is_looked_at_again_before_the_first_byte(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """SS-14: a kernel or a proxy that connects elsewhere gets nothing."""
    real = socket.socket.getpeername
    monkeypatch.setattr(socket.socket, "getpeername", lambda sock: ("10.0.0.1", real(sock)[1]))
    with receiving() as receiver:
        with pytest.raises(egress.Unreachable, match=r"10\.0\.0\.1"):
            call(receiver.url)
        time.sleep(0.05)
        assert receiver.seen == []


@pytest.mark.usefixtures("loopback_allowed")
def test_the_next_address_is_tried_when_the_first_does_not_answer(resolver: Resolver) -> None:
    resolver({"two.example": [["::1", "127.0.0.1"]]})
    with receiving() as receiver:
        assert call(f"http://two.example:{receiver.port}/").peer == "127.0.0.1"


@pytest.mark.usefixtures("loopback_allowed")
def test_an_ipv6_literal_keeps_its_brackets_and_port() -> None:
    with receiving(host="::1") as receiver:
        assert call(receiver.url).status == 200
        assert receiver.seen[0].headers["host"] == f"[::1]:{receiver.port}"


@pytest.mark.usefixtures("loopback_allowed")
def test_no_proxy_and_no_password_of_the_environment_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """SS-05."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with receiving() as proxy, receiving() as receiver:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
            monkeypatch.setenv(name.upper(), f"http://127.0.0.1:{proxy.port}")
        assert call(receiver.url).status == 200
        assert proxy.connections == 0
        assert "authorization" not in receiver.seen[0].headers


@pytest.mark.usefixtures("loopback_allowed")
def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    """SS-12."""
    with receiving() as elsewhere:
        for status in (301, 302, 303, 307, 308):
            with receiving(reply(status, Location=elsewhere.url)) as receiver:
                assert call(receiver.url).status == status
        assert elsewhere.connections == 0


def test_a_resolver_that_never_answers_costs_five_seconds_and_bounded_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """SS-15."""
    monkeypatch.setattr(egress, "CONNECT_SECONDS", 0.2)
    monkeypatch.setattr(egress, "_lookups", threading.BoundedSemaphore(3))
    released = threading.Event()

    def hang(*_: Any, **options: Any) -> Any:
        if options.get("flags"):
            raise socket.gaierror
        released.wait(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        for attempt in range(5):
            started = time.monotonic()
            reason = "did not answer" if attempt < 3 else "too many look-ups"
            with pytest.raises(egress.Unreachable, match=reason):
                call("https://tarpit.example/")
            assert time.monotonic() - started < 0.4
        assert _lookups_under_way() == 3
    finally:
        released.set()
        while _lookups_under_way():
            time.sleep(0.01)


def _lookups_under_way() -> int:
    return sum(each.name == egress.LOOKUP_THREAD for each in threading.enumerate())


def test_blocked_unknown_closed_and_silent_look_the_same(
    resolver: Resolver, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SS-10: one word for all of them."""
    settings.EGRESS_ALLOW = ["127.0.0.1/32"]
    monkeypatch.setattr(egress, "CONNECT_SECONDS", 0.3)
    resolver({"blocked.example": [["127.0.0.2"]], "unknown.example": [[]]})
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with _silent_port() as silent:
        for url in (
            "https://blocked.example/",
            "https://unknown.example/",
            f"http://127.0.0.1:{port}/",
            f"http://127.0.0.1:{silent}/",
        ):
            with pytest.raises(egress.EgressError) as failure:
                call(url)
            assert failure.value.word == "endpoint_unreachable"
            assert failure.value.status is None


class _silent_port:  # noqa: N801  reads as the function it is
    """A port that swallows SYN packets: its backlog is full."""

    def __enter__(self) -> int:
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        port: int = self.listener.getsockname()[1]
        self.fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            self.fillers.append(filler)
        time.sleep(0.05)
        return port

    def __exit__(self, *_: object) -> None:
        for each in (self.listener, *self.fillers):
            each.close()
