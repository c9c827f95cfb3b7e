"""What must hold of the code itself. Who may import whom is import-linter's (pyproject.toml)."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.urls import URLPattern, get_resolver

from tracks.views import AgentView

ROOT = Path(__file__).resolve().parent.parent
APPS = [name for name in ("tracks", "approvals", "mirroring", "webhooks") if (ROOT / name).is_dir()]
PACKAGES = [*APPS, "config"]


def modules(*packages: str) -> list[Path]:
    found = [path for name in packages for path in sorted((ROOT / name).rglob("*.py"))]
    return [path for path in found if "migrations" not in path.parts]


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(tree_of(path))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def called(node: ast.Call) -> str:
    """Return the last part of what is called: `update` for `Ask.objects.filter(…).update(…)`."""
    match node.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


# -- status ----------------------------------------------------------------------------------------


def writes_status(node: ast.AST) -> bool:
    match node:
        case ast.Assign(targets=targets):
            return any(map(_is_status, targets))
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target, value=ast.expr()):
            return _is_status(target)
        case ast.Call(keywords=keywords) if called(node) in ("update", "update_or_create"):
            return any(keyword.arg == "status" for keyword in keywords)
        case ast.Call(args=[_, ast.Constant(value="status"), *_]) if called(node) == "setattr":
            return True
    return False


def _is_status(target: ast.AST) -> bool:
    match target:
        case ast.Attribute(attr="status"):
            return True
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            return any(map(_is_status, elements))
    return False


def closes_an_ask(node: ast.AST) -> bool:
    match node:
        case ast.Call(args=[first, *_]) if called(node) == "close":
            return "Status" in ast.dump(first)
    return False


@pytest.mark.parametrize(
    ("source", "is_write"),
    [
        ("ask.status = 'open'", True),
        ("a.b, ask.status = 1, 2", True),
        ("ask.status: str = 'open'", True),
        ("Ask.objects.filter(pk=1).update(status='open')", True),
        ("setattr(ask, 'status', 'open')", True),
        ("status = 'open'", False),
        ("Ask.objects.filter(status='open')", False),
        ("ask.status == 'open'", False),
    ],
)
def test_a_write_of_a_status_is_known_when_seen(source: str, is_write: bool) -> None:
    assert any(map(writes_status, ast.walk(ast.parse(source)))) is is_write


@pytest.mark.parametrize("app", ["tracks", "approvals", "mirroring"])
def test_only_transitions_write_a_status(app: str) -> None:
    writers = {name_of(path) for path in modules(app) if any(map(writes_status, nodes(path)))}
    # Ask.close() is how the transitions do it; an exception carries the status of its response.
    allowed = {"approvals/models/ask.py", "mirroring/connectors/base.py"}
    assert writers <= {f"{app}/transitions.py", *allowed}
    assert f"{app}/transitions.py" in writers or "approvals/models/ask.py" in writers


def test_only_transitions_close_an_ask() -> None:
    closers = {name_of(path) for path in modules(*PACKAGES) if any(map(closes_an_ask, nodes(path)))}
    assert closers == {"approvals/transitions.py"}


def test_only_record_writes_events() -> None:
    rows = {("tracks.models", "Event"), ("tracks.models", "EventData")}
    makers = set()
    for path in modules(*PACKAGES):
        names = {name for _, name in rows.intersection(imports(path))}
        calls = [node.func for node in nodes(path) if isinstance(node, ast.Call)]
        if any(isinstance(each, ast.Name) and each.id in names for each in calls):
            makers.add(name_of(path))
    assert makers == {"tracks/events.py"}


def test_what_follows_a_commit_goes_through_after_commit() -> None:
    """Django cannot name a partial that fails, and the request would fail with it."""
    callers = {
        name_of(path)
        for path in modules(*PACKAGES)
        for node in nodes(path)
        if isinstance(node, ast.Call) and called(node) == "on_commit"
    }
    assert callers == {"tracks/transactions.py"}


# -- time, signals, output -------------------------------------------------------------------------


def test_time_has_one_source() -> None:
    """design §4: `database_now()`; rows that nothing compares may take the host's."""
    users = {
        name_of(path)
        for path in modules("tracks", "approvals")
        for node in nodes(path)
        if isinstance(node, ast.Attribute)
        and node.attr in ("now", "utcnow", "today")
        and isinstance(node.value, ast.Name)
        and node.value.id in ("datetime", "timezone", "date")
    }
    assert users == {"tracks/clock.py", "tracks/models/workspace.py"}


def imports(path: Path) -> Iterator[tuple[str, str]]:
    for node in nodes(path):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


def test_there_are_no_signals_but_the_one_that_installs_triggers() -> None:
    """design §2: news travels upward only as events."""
    found = {
        (name_of(path), module, name)
        for path in modules(*APPS)
        for module, name in imports(path)
        if module.startswith("django.") and module.endswith((".signals", ".dispatch"))
    }
    assert found == {("tracks/apps.py", "django.db.models.signals", "post_migrate")}


def test_nothing_is_printed() -> None:
    printers = {
        name_of(path)
        for path in modules(*APPS)
        for node in nodes(path)
        if isinstance(node, ast.Call) and called(node) == "print"
    }
    assert printers == set()


def test_nothing_is_imported_inside_a_function() -> None:
    """style.md: an import cycle is solved by poking tasks by name."""
    found = {
        f"{name_of(path)}:{inner.lineno}"
        for path in modules("tracks", "approvals")
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    }
    assert found == set()


# -- models ----------------------------------------------------------------------------------------


def rules_of(path: Path) -> Iterator[ast.expr]:
    """Yield the constraints and indexes of a module's models."""
    for node in nodes(path):
        match node:
            case ast.AnnAssign(
                target=ast.Name(id="constraints" | "indexes"), value=ast.List(elts=elements)
            ):
                yield from elements


def test_a_comment_on_each_index_and_constraint_says_who_needs_it() -> None:
    bare, seen = [], 0
    for path in modules("tracks", "approvals"):
        lines = path.read_text(encoding="utf-8").splitlines()
        for rule in rules_of(path):
            seen += 1
            if not lines[rule.lineno - 2].strip().startswith("#"):
                bare.append(f"{name_of(path)}:{rule.lineno}")
    assert bare == []
    assert seen > 20


# -- views -----------------------------------------------------------------------------------------


def agent_views() -> Iterator[type[AgentView]]:
    for pattern in get_resolver().url_patterns:
        view = getattr(getattr(pattern, "callback", None), "cls", object)
        is_ours = isinstance(pattern, URLPattern) and issubclass(view, AgentView)
        if is_ours and str(pattern.pattern).startswith("api/v1/"):
            yield view


def test_every_method_of_the_agent_api_names_its_scope() -> None:
    verbs = ("get", "post", "put", "patch", "delete")
    views = list(agent_views())
    assert len(views) > 10
    for view in views:
        assert set(view.scopes) == {verb.upper() for verb in verbs if hasattr(view, verb)}, view


# -- files -----------------------------------------------------------------------------------------


@cache
def tracked() -> tuple[Path, ...]:
    """Return the files that are, or are about to be, in the repository."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        pytest.skip("wants a git checkout")
    paths = [ROOT / name for name in done.stdout.decode().split("\0") if name]
    return tuple(path for path in paths if path.is_file())


def containing(pattern: str, *suffixes: str) -> list[str]:
    wanted = re.compile(pattern)
    found = []
    for path in tracked():
        if suffixes and path.suffix not in suffixes:
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if wanted.search(text):
            found.append(name_of(path))
    return found


def test_no_file_names_a_place_on_the_machine_where_it_was_written() -> None:
    homes = {str(ROOT), sys.prefix, str(Path.home())} - {"/", "/root"}
    assert containing("|".join(re.escape(home) for home in sorted(homes))) == []


def index_host() -> str:
    """Return the host that this machine installs packages from, or nothing if none is set."""
    shown = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    addresses = [shown.strip(), *(os.environ.get(n, "") for n in ("PIP_INDEX_URL", "UV_INDEX_URL"))]
    hosts = [urlsplit(address).hostname or "" for address in addresses]
    return next((host for host in hosts if host), "")


def test_no_file_names_a_registry() -> None:
    assert containing(r"--(extra-)?index-url|--find-links|--trusted-host", ".txt", ".in") == []
    host = index_host()
    assert host == "" or containing(re.escape(host)) == []
    assert "uv.lock" not in [path.name for path in tracked()]


def test_nothing_is_left_to_be_done_in_the_code() -> None:
    unfinished = r"\b(?:TO" + r"DO|FIX" + r"ME|X" + r"XX)\b"
    assert containing(unfinished, ".py", ".html", ".css", ".js", ".toml") == []
