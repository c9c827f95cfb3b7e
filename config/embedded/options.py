"""How the embedded run was asked to run: `HOST`, `PORT`, `PUBLIC_BASE_URL`, `DEMO`."""

import os
import socket
from dataclasses import dataclass

from config.env import data_dir, env

_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  what they mean for a caller here
# What a shell may hold for another project, or for a production run of this one.
_FOREIGN = {
    "ALLOWED_HOSTS",
    "DATABASE_URL",
    "DJANGO_SETTINGS_MODULE",
    "EMAIL_URL",
    "FIELD_KEYS",
    "PYTHONHOME",
    "PYTHONPATH",
    "REDIS_URL",
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "SIGNING_KEYS",
    "TRUSTED_PROXIES",
}


class Unusable(Exception):
    """Says in a sentence why Sayso cannot start as it was asked to."""


@dataclass(frozen=True, slots=True)
class Options:
    """Where to answer, and whether to let the quickstart agent loose."""

    host: str
    port: int
    base_url: str
    with_demo: bool

    @classmethod
    def read(cls) -> "Options":
        """Return what the environment asks for; raise Unusable if it cannot be had."""
        host = env.str("HOST", default="") or "127.0.0.1"
        port = _free_port(host, _number(env.str("PORT", default="") or "8000"))
        base_url = env.str("PUBLIC_BASE_URL", default="") or _address(_reachable(host), port)
        with_demo = env.str("DEMO", default="") != "0"
        return cls(host, port, base_url.rstrip("/"), with_demo)

    @property
    def local_host(self) -> str:
        """Return the host under which this machine itself reaches the web process."""
        return _reachable(self.host)

    @property
    def is_open_to_others(self) -> bool:
        """Tell whether other machines can reach the web process."""
        return self.host not in ("127.0.0.1", "::1", "localhost")

    def environment(self) -> dict[str, str]:
        """Return the environment of the children, without what the shell holds for others."""
        inherited = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
        return inherited | {
            "SAYSO_EMBEDDED": "1",
            "SAYSO_DATA": str(data_dir()),
            "PUBLIC_BASE_URL": self.base_url,
            "PYTHONUNBUFFERED": "1",
        }


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise Unusable(f"PORT={text} is not a port: choose one from 1 to 65535.")
    return int(text)


def _free_port(host: str, port: int) -> int:
    """Return the port, or one that is free where 0 was asked for."""
    try:
        family, kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            return int(probe.getsockname()[1])
    except socket.gaierror:
        raise Unusable(f"HOST={host} is not an address of this machine.") from None
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise Unusable(
            f"Port {port} on {host} cannot be used: {reason}.\n"
            f"Choose another one:  make run PORT={port + 1}"
        ) from None


def _reachable(host: str) -> str:
    return _EVERY_ADDRESS.get(host, host)


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
