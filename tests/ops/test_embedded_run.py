"""`make run` (contract §7): one process tree, from its first start to the last signal."""

import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.ops.launcher import GONE_WITHIN, ROOT, Run, embedded

FACTS = [
    "base_url",
    "api_key",
    "admin_url",
    "admin_user",
    "admin_password",
    "mailbox_url",
    "python",
]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="wants Linux: reads /proc")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("embedded") / "var"


@pytest.fixture(scope="module")
def run(data: Path) -> Iterator[Run]:
    with embedded(data, DEMO="1") as run:
        yield run


def _api(run: Run) -> httpx2.Client:
    headers = {"Authorization": f"Bearer {run.facts['api_key']}"}
    return httpx2.Client(base_url=f"{run.facts['base_url']}/api/v1", headers=headers)


def _asks(run: Run) -> list[dict[str, object]]:
    with _api(run) as api:
        asks: list[dict[str, object]] = api.get("/asks", params={"status": "open"}).json()["data"]
    return asks


def test_scripts_learn_where_it_is(run: Run) -> None:
    facts = run.facts
    base_url = facts["base_url"]
    assert list(facts) == FACTS
    assert facts["admin_url"] == f"{base_url}/admin/"
    assert facts["mailbox_url"] == f"{base_url}/mailbox/"
    assert facts["python"] == sys.executable
    assert stat.S_IMODE((run.data / "embedded.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(run.data.stat().st_mode) == 0o700


def test_the_terminal_names_addresses_and_key(run: Run) -> None:
    for value in ("base_url", "mailbox_url", "admin_url", "admin_password", "api_key"):
        assert run.facts[value] in run.text


def test_the_quickstart_agent_waits_on_fresh_data(run: Run) -> None:
    run.wait_for(lambda: _asks(run))
    (ask,) = _asks(run)
    assert ask["prompt"] == "Acme Office Supplies invoice is 8% above contract. Approve?"
    assert "An agent is waiting for you:" in run.text
    assert str(ask["url"]) in run.text


def test_the_terminal_tells_that_the_agent_went_on_and_how_fast(run: Run) -> None:
    (ask,) = _asks(run)
    with httpx2.Client(base_url=run.facts["base_url"], follow_redirects=True) as browser:
        run.wait_for(lambda: browser.get("/mailbox/messages.json").json())
        (mail,) = browser.get("/mailbox/messages.json").json()
        code = re.search(r"^Your code: (\S+)$", mail["text"], re.MULTILINE)
        assert code is not None
        page = browser.get(str(ask["url"]))
        page = _send(browser, page, "/code", code=code[1])
        page = _send(browser, page, "/answer", value="true")
    assert page.status_code == 200
    run.wait_for(lambda: "47 payments scheduled." in run.text)
    assert re.search(
        r"^agent: cfo@acme.com said yes. I had it \d+ ms later.$", run.text, re.MULTILINE
    )


def _send(browser: httpx2.Client, page: httpx2.Response, ending: str, **typed: str) -> Any:
    """Send the page's form whose address ends so, with what a person has typed into it."""
    forms = re.findall(r'<form[^>]*action="([^"]+)".*?>(.*?)</form>', page.text, re.DOTALL)
    action, content = next(form for form in forms if form[0].endswith(ending))
    hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', content))
    return browser.post(action, data=hidden | typed)


def test_staff_can_sign_in(run: Run) -> None:
    with httpx2.Client(base_url=run.facts["base_url"], follow_redirects=True) as browser:
        browser.get("/admin/login/")
        answer = browser.post(
            "/admin/login/",
            data={
                "csrfmiddlewaretoken": browser.cookies["sayso-csrf"],
                "username": run.facts["admin_user"],
                "password": run.facts["admin_password"],
                "next": "/admin/",
            },
        )
    assert answer.url.path == "/admin/"


def test_commands_beside_it_find_the_same_data_and_address(run: Run) -> None:
    command = [run.facts["python"], "manage.py", "shell", "-v", "0", "-c"]
    program = (
        "from django.conf import settings; from tracks.models import Workspace; "
        "print(settings.PUBLIC_BASE_URL, Workspace.objects.get().name)"
    )
    environment = {"PATH": os.environ["PATH"], "SAYSO_DATA": str(run.data)}
    done = subprocess.run(
        [*command, program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [run.facts["base_url"], "Acme"]


@pytest.mark.parametrize("name", ["worker", "beat", "config.serve"])
def test_a_killed_child_comes_back(run: Run, name: str) -> None:
    before = run.children()[name]
    os.kill(before, signal.SIGKILL)
    run.wait_for(lambda: run.children().get(name) not in (None, before))


def test_it_answers_again_after_the_web_process_was_killed(run: Run) -> None:
    def answers() -> bool:
        try:
            return httpx2.get(f"{run.facts['base_url']}/readyz").status_code == 200
        except httpx2.TransportError:
            return False

    run.wait_for(answers)


def test_the_readme_agent_runs_as_it_is_printed(run: Run, tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text()
    program = readme.partition("```python\n")[2].partition("```")[0]
    facts = run.facts
    keys = {"SAYSO_API_KEY": facts["api_key"], "SAYSO_BASE_URL": facts["base_url"]}
    waiting_before = {ask["id"] for ask in _asks(run)}
    agent = subprocess.Popen([facts["python"], "-c", program], env=os.environ | keys)
    try:
        run.wait_for(lambda: {ask["id"] for ask in _asks(run)} - waiting_before)
        (ask,) = [ask for ask in _asks(run) if ask["id"] not in waiting_before]
        with _api(run) as api:
            api.post(f"/asks/{ask['id']}/cancel")
            assert agent.wait(timeout=20) == 0
            track = api.get(f"/tracks/{ask['track_id']}").json()
    finally:
        agent.kill()
    assert track["failure"] == {"reason": "Approval cancelled", "retryable": False}


def test_a_second_run_on_the_same_data_is_refused(run: Run) -> None:
    second = Run(run.data, PORT="0")
    assert second.process.wait(timeout=20) == 1
    assert f"Sayso runs on {run.data} already." in run.text


def test_a_taken_port_is_said(run: Run, tmp_path: Path) -> None:
    port = run.facts["base_url"].rpartition(":")[2]
    other = Run(tmp_path / "var", PORT=port)
    assert other.process.wait(timeout=20) == 1
    assert f"Port {port} on 127.0.0.1 cannot be used: address already in use." in other.text
    assert not (tmp_path / "var" / "embedded.json").exists()


def test_reset_leaves_the_data_of_a_run_alone(run: Run) -> None:
    done = _reset(run.data)
    assert done.returncode == 1
    assert (run.data / "sayso.sqlite3").exists()


def test_sigterm_stops_all_of_it(run: Run) -> None:
    assert run.end(signal.SIGTERM) < GONE_WITHIN
    assert run.process.returncode == 0
    assert not (run.data / "embedded.json").exists()


def test_a_second_start_keeps_the_key_and_starts_no_agent(
    run: Run, data: Path, tmp_path: Path
) -> None:
    makefile = tmp_path / "Makefile"
    makefile.write_text(f"run:\n\t@{sys.executable} -m config.embedded\n")
    make = ["make", "--no-print-directory", "-f", str(makefile)]
    with embedded(data, command=make, DEMO="1") as again:
        kept = {name: again.facts[name] for name in ("api_key", "admin_password")}
        assert kept == {name: run.facts[name] for name in kept}
        with _api(again) as api:
            assert len(api.get("/tracks").json()["data"]) == 2  # of the first run
        assert sorted(again.children()) == ["beat", "config.serve", "worker"]
        # make passes an interrupt that reaches it alone on to nobody.
        assert again.end(signal.SIGINT) < GONE_WITHIN


def test_kill_9_of_the_launcher_leaves_nobody_behind(run: Run, data: Path) -> None:
    with embedded(data) as again:
        again.wait_for(lambda: len(again.children()) == 3)
        assert again.end(signal.SIGKILL) < GONE_WITHIN


def test_reset_removes_what_a_run_has_made_and_nothing_else(tmp_path: Path) -> None:
    data = tmp_path / "var"
    (data / "secrets").mkdir(parents=True)
    for name in ("sayso.sqlite3", "embedded.json", "mine.txt"):
        (data / name).touch()
    assert _reset(data).returncode == 0
    assert [path.name for path in data.iterdir()] == ["mine.txt"]


def _reset(data: Path) -> subprocess.CompletedProcess[bytes]:
    environment = {"PATH": os.environ["PATH"], "SAYSO_DATA": str(data)}
    command = [sys.executable, "-m", "config.embedded.reset"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
