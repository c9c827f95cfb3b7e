"""The package as it is installed."""

import tomllib
from pathlib import Path

import sayso

SDK = Path(__file__).parents[2] / "sdk"


def test_everything_that_is_promised_is_there():
    for name in sayso.__all__:
        assert getattr(sayso, name) is not None


def test_it_is_typed():
    assert (Path(sayso.__file__).parent / "py.typed").exists()


def test_its_only_dependency_is_httpx2():
    project = tomllib.loads((SDK / "pyproject.toml").read_text())["project"]
    assert project["name"] == "sayso"
    assert project["requires-python"] == ">=3.11"
    assert [name.split(">")[0] for name in project["dependencies"]] == ["httpx2"]
    assert sayso.__version__ == "0.1.0"
