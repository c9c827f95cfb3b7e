"""Which version runs here."""

import tomllib
from functools import cache

from config.env import BASE_DIR


@cache
def version() -> str:
    """Return the version of the project."""
    project = tomllib.loads((BASE_DIR / "pyproject.toml").read_text())["project"]
    return str(project["version"])
