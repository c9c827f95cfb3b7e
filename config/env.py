"""The one place that reads the environment. Settings and tools take their values from here."""

import json
import os
import secrets
from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()


def data_dir() -> Path:
    """Return the folder in which the embedded run keeps everything it stores."""
    return Path(env.str("SAYSO_DATA", default=str(BASE_DIR / "var"))).resolve()


def embedded_json() -> Path:
    """Return the file in which the embedded run tells scripts where it is (contract §7)."""
    return data_dir() / "embedded.json"


def is_embedded() -> bool:
    """Tell whether this is the run without servers: no DATABASE_URL means embedded."""
    return bool(env.bool("SAYSO_EMBEDDED", default="DATABASE_URL" not in os.environ))


def default_base_url() -> str:
    """Return where the embedded run answers, so that a command beside it builds the same links."""
    try:
        base_url: str = json.loads(embedded_json().read_text())["base_url"] if is_embedded() else ""
    except (OSError, ValueError, KeyError):
        base_url = ""
    return base_url or "http://127.0.0.1:8000"


def metrics_token() -> str:
    """Return what a scraper of /metrics must show; empty where none is set."""
    token: str = env.str("METRICS_TOKEN", default="")
    return token


def stored_secret(name: str) -> str:
    """Return a secret of the embedded run, made on first use and readable by its owner alone."""
    path = data_dir() / "secrets" / name
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_once(path, secrets.token_urlsafe(48))
    return path.read_text()


def _write_once(path: Path, value: str) -> None:
    # Several processes may start at once: link() lets the first one win and is atomic.
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(value)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
