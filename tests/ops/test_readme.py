"""What the README and the documents say of this project is so."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
DOCUMENTS = ["README.md", "docs/operations.md", "docs/connectors.md", "docs/task-provider.md"]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_inside_leads_somewhere(name: str) -> None:
    document = ROOT / name
    text = document.read_text()
    headings = {_anchor(line) for line in text.splitlines() if line.startswith("#")}
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in headings, target
        elif not target.startswith("http"):
            assert (document.parent / target.partition("#")[0]).exists(), target


def _anchor(heading: str) -> str:
    words = heading.lstrip("# ").lower()
    return re.sub(r"[^\w -]", "", words).replace(" ", "-")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_make_target_exists(name: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`make (\w+)`|^make (\w+)$", (ROOT / name).read_text(), re.MULTILINE):
        assert re.search(rf"^{''.join(target)}:", makefile, re.MULTILINE), target


def test_every_refusal_of_a_setting_is_documented() -> None:
    checks = set(re.findall(r'"sayso\.(E\d+)"|"(E\d{3})"', (ROOT / "config/checks.py").read_text()))
    documented = (ROOT / "docs/operations.md").read_text()
    assert {"".join(each) for each in checks} <= set(re.findall(r"E\d{3}", documented))


def test_every_variable_that_is_read_is_documented() -> None:
    documented = (ROOT / "docs/operations.md").read_text()
    read = set()
    for path in (ROOT / "config").rglob("*.py"):
        read |= set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', path.read_text()))
    internal = {"SAYSO_EMBEDDED"}  # the launcher's, for its children
    assert [name for name in sorted(read - internal) if f"`{name}`" not in documented] == []


def test_the_makefile_offers_help() -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for target in ("run", "demo", "reset", "test"):
        assert f"make {target} " in done.stdout
