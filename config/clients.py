"""Which address a request came from, believing only the proxies the operator named."""

import ipaddress
from functools import cache

from django.conf import settings

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@cache
def _trusted() -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text, strict=False) for text in settings.TRUSTED_PROXIES)


def _is_trusted(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in _trusted())


def client_address(*, peer: str, forwarded_for: str) -> str:
    """Return the nearest address in the chain of proxies that is not one of ours.

    `peer` is the other end of the connection, `forwarded_for` the X-Forwarded-For header.
    """
    address = peer
    for hop in reversed([hop.strip() for hop in forwarded_for.split(",") if hop.strip()]):
        if not _is_trusted(address):
            break
        address = hop
    return address[:45]
