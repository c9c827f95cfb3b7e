"""Which URLs may be saved and called (SS-01, SS-06 to SS-09, SS-11, SS-16)."""

import ipaddress
import random
import socket
from urllib.parse import urlsplit

import httpx2
import pytest
from pytest_django import Settings

from config import egress, targets
from config.targets import BadTarget
from tests.receivers import receiving

# Every one of these leads to 127.0.0.1 (or ::1) somewhere: in a browser, a resolver or a library.
LOOPBACKS = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "127.0.0.1.",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0x7F.0x0.0x0.0x1",
    "0177.0.0.1",
    "0177.0000.0000.0001",
    "017700000001",
    "00000177.0.0.1",
    "127.0x0.0.01",
    "127.0.0.1%00",
    "127.0.0.1%2f",
    "%31%32%37.0.0.1",
    "127。0。0。1",
    "127｡0．0．1",
    "１２７.0.0.1",
    "①②⑦.⓪.⓪.①",
    "0",
    "0.0.0.0",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "api.localhost",
    "ⓛocalhost",
    "localhoſt",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[::7f00:1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::80ff:fffe]",
    "[fe80::5efe:127.0.0.1]",
    "[::1%25lo]",
    "[::1%lo]",
    "[v1.127001]",
    "[127.0.0.1]",
    "127.0.0.1@example.com@127.0.0.1",
]
NOT_PUBLIC = [
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "168.63.129.16",
    "169.254.1.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.175.48.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::2",
    "100::1",
    "100:0:0:1::1",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::1",
    "::8.8.8.8",
    "::ffff:8.8.8.8",
    "2001::1",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:808:808::1",
    "2620:4f:8000::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "172.32.0.1", "192.0.1.1", "2606:4700::1111", "2a00:1450::1"]
METADATA = [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd20:ce::254",
    "::ffff:169.254.169.254",
    "::ffff:0:169.254.169.254",
    "::169.254.169.254",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::169.254.169.254",
    "2002:a9fe:a9fe::1",
    "fe80::5efe:169.254.169.254",
    "fe80::a9fe:a9fe",
]
MALFORMED = {
    "": "https://",
    "example.com": "https://",
    "//example.com/": "https://",
    "https:example.com": "https://",
    "https:/example.com": "https://",
    "ftp://example.com/": "https://",
    "file:///etc/passwd": "https://",
    "gopher://example.com/": "https://",
    "javascript://example.com/%0aalert(1)": "https://",
    "https://": "host is missing",
    "https:///etc/passwd": "host is missing",
    "https://?x": "host is missing",
    "https://:443/": "host is missing",
    "https://user@example.com/": "user name",
    "https://user:pass@example.com/": "user name",
    "https://example.com@127.0.0.1/": "user name",
    "https://example.com%40127.0.0.1/": "not a name",
    "https://example.com\\@127.0.0.1/": "backslash",
    "https://example.com\\.evil.example/": "backslash",
    "https://example.com#@127.0.0.1/": "fragment",
    "https://example.com/#x": "fragment",
    " https://example.com/": "White space",
    "https://example.com/ ": "White space",
    "https://exa\tmple.com/": "White space",
    "https://exa\nmple.com/": "White space",
    "https://example.com/\r\nX-Evil: 1": "White space",
    "https://example.com/\x00": "White space",
    "https://exämple.com/": "xn--",
    "https://example.com/ü": "ASCII",
    "https://example.com:/": "port",
    "https://example.com:0/": "port",
    "https://example.com:65536/": "port",
    "https://example.com:+443/": "port",
    "https://example.com:443:80/": "port",
    "https://example.com:4 43/": "White space",
    "https://example..com/": "not a name",
    "https://.example.com/": "not a name",
    "https://example.com./": "not a name",
    "https://-example.com/": "not a name",
    "https://exa$mple.com/": "not a name",
    "https://exa,mple.com/": "not a name",
    "https://[::1/": "host is missing",
    "https://::1/": "host is missing",
    "https://[::1]x/": "port",
    "https://example.com/<script>": "percent-encoded",
    "https://example.com/%zz": "percent-encoded",
    "https://example.com/?a=[1]": "percent-encoded",
    f"https://{'a' * 64}.com/": "not a name",
    f"https://example.com/{'a' * 2048}": "2048",
}


@pytest.mark.parametrize("host", LOOPBACKS)
def test_no_spelling_of_loopback_is_saved_or_called(host: str) -> None:
    """SS-01: no packet, as the listener proves."""
    with receiving() as listener, receiving(host="::1") as listener6:
        for port in ("", f":{listener.port}", f":{listener6.port}"):
            for scheme in ("http", "https"):
                url = f"{scheme}://{host}{port}/hook"
                with pytest.raises(BadTarget):
                    targets.check_saved(url)
                with pytest.raises(egress.Unreachable) as refused:
                    egress.request("POST", url, headers={}, body=b"{}")
                assert refused.value.word == "endpoint_unreachable"
        assert (listener.connections, listener6.connections) == (0, 0)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_that_is_not_public_is_refused(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket.socket, "connect", _must_not_connect)
    host = f"[{address}]" if ":" in address else address
    assert not targets.is_public(ipaddress.ip_address(address))
    with pytest.raises(BadTarget):
        targets.check_saved(f"https://{host}/")
    with pytest.raises(egress.Unreachable):
        egress.request("GET", f"https://{host}/", headers={})


def _must_not_connect(*_: object) -> None:
    pytest.fail("a packet would have left")


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_saved(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    assert targets.check_saved(f"https://{host}/").port == 443


@pytest.mark.parametrize("url", MALFORMED)
def test_what_two_parsers_could_read_differently_is_refused_with_a_reason(url: str) -> None:
    """SS-06, SS-08."""
    with pytest.raises(BadTarget, match=MALFORMED[url].replace("?", r"\?")):
        targets.check_saved(url)


@pytest.mark.parametrize(
    "url", ["http://example.com/", "https://example.com:8443/", "https://example.com:80/"]
)
def test_only_https_on_its_own_port(url: str) -> None:
    """SS-06, SS-07."""
    with pytest.raises(BadTarget, match="Only https on port 443"):
        targets.check_saved(url)


@pytest.mark.parametrize("address", METADATA)
def test_a_metadata_address_stays_out_of_reach_whatever_is_allowed(
    address: str, settings: Settings
) -> None:
    """SS-11."""
    settings.EGRESS_ALLOW = ["0.0.0.0/0", "::/0"]
    host = f"[{address}]" if ":" in address else address
    for scheme in ("http", "https"):
        with pytest.raises(BadTarget, match="metadata"):
            targets.check_saved(f"{scheme}://{host}/latest/meta-data/")
        with pytest.raises(egress.Unreachable, match="metadata"):
            egress.request("GET", f"{scheme}://{host}/", headers={})


def test_the_operator_admits_networks_and_nothing_else(settings: Settings) -> None:
    """SS-11: there also http and any port."""
    settings.EGRESS_ALLOW = ["10.1.0.0/16", "fd12::/16"]
    assert targets.check_saved("http://10.1.2.3:8080/x").host_header == "10.1.2.3:8080"
    assert targets.check_saved("https://[fd12::7]:8443/").host_header == "[fd12::7]:8443"
    assert targets.check_saved("http://internal:8080/").host == "internal"
    for url in (
        "http://10.2.0.1/",
        "http://1.1.1.1/",
        "https://1.1.1.1:8443/",
        "http://127.0.0.1/",
    ):
        with pytest.raises(BadTarget):
            targets.check_saved(url)


def test_the_parts_of_a_url() -> None:
    target = targets.parse("HTTPS://Hooks.Example.COM:8443/a/../b?x=%7B1%7D")
    assert target == targets.Target("https", "hooks.example.com", 8443, "/a/../b?x=%7B1%7D")
    assert targets.parse("https://example.com").path == "/"
    assert targets.parse("https://example.com?q").path == "/?q"
    assert targets.parse("https://example.com:443/").host_header == "example.com"


def test_a_hundred_thousand_urls_are_read_by_every_parser_alike() -> None:
    """SS-09: what is accepted has the same host and port for ours, httpx2's and Python's."""
    random_ = random.Random(2026)
    accepted = 0
    for _ in range(100_000):
        url = _some_url(random_)
        try:
            target = targets.parse(url)
        except BadTarget:
            continue
        accepted += 1
        theirs, python = httpx2.URL(url), urlsplit(url)
        assert theirs.scheme == python.scheme == target.scheme
        assert _same(theirs.raw_host.decode(), target.host), url
        assert _same(python.hostname or "", target.host), url
        assert (theirs.port or targets.DEFAULT_PORTS[theirs.scheme]) == target.port, url
        assert (python.port or targets.DEFAULT_PORTS[python.scheme]) == target.port, url
        assert not theirs.userinfo
        assert not python.username
    assert accepted > 5_000


def _same(theirs: str, ours: str) -> bool:
    if ":" in ours:
        return ipaddress.ip_address(theirs) == ipaddress.ip_address(ours)
    return theirs.lower() == ours


_PIECES = [
    *("http", "https", "HTTPS", "ftp", "://", ":/", ":", "/", "//", "\\", "@", "#", "?", "%", "&"),
    *(
        "example.com",
        "a.b",
        "localhost",
        "127.0.0.1",
        "127.1",
        "0x7f",
        "1",
        "[::1]",
        "[",
        "]",
        "::",
    ),
    *(":443", ":80", ":8443", ":0", ":99999", ".", "..", "-", "_", "xn--e1a", "%2e", "%40", "%00"),
    *("user", "pw", " ", "\t", "\n", "ü", "。", "x=1", "path", ";", "=", "~", "[2606:4700::1111]"),
]


def _some_url(random_: random.Random) -> str:
    if random_.random() < 0.3:
        return "".join(random_.choices(_PIECES, k=random_.randint(1, 8)))
    host = random_.choice(["example.com", "a_b.example", "8.8.8.8", "[2606:4700::1]", "x"])
    tail = "".join(random_.choices(_PIECES, k=random_.randint(0, 4)))
    return random_.choice(["https://", "http://"]) + host + tail
