"""Which addresses on the net may be called on somebody else's behalf. Pure but for one setting.

A URL is parsed here once, when it is saved and again when it is called, by the same function, and
the parts go to the connection as they are: there is no second parser that could read it otherwise.
"""

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LONGEST_URL = 2048
DEFAULT_PORTS = {"https": 443, "http": 80}

# IANA's special-purpose registries, multicast and what clouds put beside them. Written out, since
# `ipaddress.is_global` knows neither the newest entries nor the same ones in every Python.
_SPECIAL_IPV4 = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's platform address
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
# In IPv6 the public addresses are in one block, so the list has only the holes in it.
_PUBLIC_IPV6 = ipaddress.IPv6Network("2000::/3")
_SPECIAL_IPV6 = tuple(
    ipaddress.IPv6Network(text)
    for text in (
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)
# Where clouds hand out credentials. Nobody may allow these.
_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "100.100.100.200",
        "168.63.129.16",
        "169.254.169.123",
        "169.254.169.249",
        "169.254.169.250",
        "169.254.169.251",
        "169.254.169.253",
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "192.0.0.192",
        "fd00:42::42",
        "fd00:a9fe:a9fe::254",
        "fd00:ec2::23",
        "fd00:ec2::123",
        "fd00:ec2::253",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fe80::a9fe:a9fe",
    )
)
# IPv6 prefixes whose last 32 bits are an IPv4 address: compatible, mapped, translated, NAT64.
_EMBEDDING = tuple(
    ipaddress.IPv6Network(text)
    for text in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")
)

_ODD = re.compile(r"[^!-~]")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NUMBER = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)")
_PATH = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")


class BadTarget(ValueError):
    """The URL is not one that may be called; the text says why, for whoever wrote it."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL, taken apart. `host` is lower-case and has no brackets; `path` includes the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def is_ordinary(self) -> bool:
        """Tell whether this is https on its own port, which needs nobody's permission."""
        return self.scheme == "https" and self.port == DEFAULT_PORTS["https"]

    @property
    def host_header(self) -> str:
        """Return the Host header: brackets around IPv6, the port unless it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def literal(self) -> Address | None:
        """Return the address that the host spells out, or None if it is a name."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return ipaddress.IPv4Address("127.0.0.1")
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None


def parse(url: str) -> Target:
    """Take a URL apart, or raise BadTarget for anything that two parsers could read differently."""
    if len(url) > LONGEST_URL:
        raise BadTarget(f"A URL may have at most {LONGEST_URL} characters.")
    _refuse_odd_characters(url)
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in DEFAULT_PORTS:
        raise BadTarget("The URL must begin with https://.")
    end = min((at for at in (rest.find("/"), rest.find("?")) if at >= 0), default=len(rest))
    authority, path = rest[:end], rest[end:]
    if not _PATH.fullmatch(path):
        raise BadTarget("The path contains a character that must be percent-encoded.")
    host, port = _split_authority(authority, scheme)
    return Target(scheme, host, port, path if path.startswith("/") else f"/{path}")


def _refuse_odd_characters(url: str) -> None:
    odd = _ODD.search(url)
    if odd is not None and odd[0] > "\x7f":
        raise BadTarget("Only ASCII is allowed: write the host in its xn-- form.")
    if odd is not None:
        raise BadTarget("White space and control characters are not allowed.")
    if "\\" in url:
        raise BadTarget("A backslash is not allowed.")
    if "#" in url:
        raise BadTarget("A fragment (#) is not allowed: it would never be sent.")


def _split_authority(authority: str, scheme: str) -> tuple[str, int]:
    if "@" in authority:
        raise BadTarget("A user name or password in the URL is not allowed.")
    if authority.startswith("["):
        inside, bracket, tail = authority[1:].partition("]")
        host = _ipv6(inside) if bracket else ""
    else:
        inside, colon, digits = authority.partition(":")
        host, tail = inside.lower(), colon + digits
        _check_name(host)
    if not host:
        raise BadTarget("The host is missing.")
    return host, _port(tail, scheme)


def _ipv6(text: str) -> str:
    if "%" in text:
        raise BadTarget("A zone id is not allowed.")
    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError:
        raise BadTarget("The host is not an IPv6 address.") from None


def _check_name(host: str) -> None:
    if not host:
        return
    if len(host) > 253 or not _NAME.fullmatch(host):
        raise BadTarget("The host is not a name or an address.")
    # Resolvers read 127.1, 0x7f.1 and 2130706433 as addresses; here there is one spelling.
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            raise BadTarget("An IPv4 address has four decimal numbers.") from None


def _port(tail: str, scheme: str) -> int:
    if not tail:
        return DEFAULT_PORTS[scheme]
    if not re.fullmatch(r":[0-9]{1,5}", tail) or not 0 < int(tail[1:]) < 65536:
        raise BadTarget("The port must be a number from 1 to 65535.")
    return int(tail[1:])


def check_saved(url: str) -> Target:
    """Return the parts of a URL that may be saved, or raise BadTarget.

    Refuses what can be known without asking a resolver; the rest is checked at each connection.
    """
    target = parse(url)
    if target.literal is not None:
        check_address(target, target.literal)
    elif not target.is_ordinary and not settings.EGRESS_ALLOW:
        raise BadTarget("Only https on port 443 is allowed.")
    return target


def check_address(target: Target, address: Address) -> None:
    """Raise BadTarget unless this address may be connected to for this target."""
    if any(each in _METADATA for each in (address, *_embedded(address))):
        raise BadTarget("A cloud's metadata address is never allowed.")
    if any(address in network for network in _allowed(tuple(settings.EGRESS_ALLOW))):
        return
    if not is_public(address):
        raise BadTarget(
            "The address is not a public one; an operator can admit it (SAYSO_EGRESS_ALLOW)."
        )
    if not target.is_ordinary:
        raise BadTarget("Only https on port 443 is allowed.")


def is_public(address: Address) -> bool:
    """Tell whether an address belongs to the open internet."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _SPECIAL_IPV4)
    if address.scope_id is not None or address not in _PUBLIC_IPV6:
        return False
    return not any(address in network for network in _SPECIAL_IPV6)


def is_network(text: str) -> bool:
    """Tell whether the operator wrote a network."""
    try:
        ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return False
    return True


def _embedded(address: Address) -> list[ipaddress.IPv4Address]:
    """Return the IPv4 addresses that an IPv6 address may lead to."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    last = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    found = [last for network in _EMBEDDING if address in network]
    if (int(address) >> 32) & 0xFCFFFFFF == 0x5EFE:  # ISATAP, RFC 5214
        found.append(last)
    if address.sixtofour is not None:
        found.append(address.sixtofour)
    return [*found, *(address.teredo or ())]


@lru_cache(maxsize=8)
def _allowed(cidrs: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text.strip(), strict=False) for text in cidrs)
