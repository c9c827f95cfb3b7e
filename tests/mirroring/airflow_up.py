"""Run the tests that want an Airflow against a real one: `make test-airflow`.

It installs Airflow into .venv-airflow (225 MB, once), starts it on loopback with SQLite in a
temporary folder, runs the tests marked `airflow` and whatever arguments say, and stops what it
started, and nothing else. Never part of an ordinary run.
"""

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

VERSION = "3.3.2"
ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv-airflow"
DAGS = Path(__file__).parent / "airflow_dags"
USERS = ("sayso", "alice")
SERVICES = (("api-server",), ("scheduler", "--skip-serve-logs"), ("dag-processor",))
SECONDS_TO_START = 180
SECONDS_TO_STOP = 15


def main(arguments: list[str]) -> int:
    """Install, start, test, stop; return what pytest returned."""
    install()
    with tempfile.TemporaryDirectory(prefix="sayso-airflow-") as home, running(Path(home)) as given:
        command = [sys.executable, "-m", "pytest", "-m", "airflow", "tests/mirroring/connectors"]
        return subprocess.run([*command, *arguments], cwd=ROOT, env=os.environ | given).returncode


def install() -> None:
    """Install Airflow from the package index, unless it is there."""
    done = VENV / f"apache-airflow-{VERSION}"
    if done.exists():
        return
    print(f"Installing Airflow {VERSION} into {VENV.name}: this takes some minutes.", flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    pip = [VENV / "bin" / "python", "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, f"apache-airflow=={VERSION}"], check=True)
    done.touch()


@contextlib.contextmanager
def running(home: Path) -> Iterator[dict[str, str]]:
    """Yield the environment of the tests while Airflow runs; its data and logs are in `home`."""
    port, passwords = _free_port(), {name: secrets.token_urlsafe(16) for name in USERS}
    (home / "passwords.json").write_text(json.dumps(passwords))
    shutil.copytree(DAGS, home / "dags", ignore=shutil.ignore_patterns("__pycache__"))
    environment = os.environ | _settings(home, port)
    url = f"http://127.0.0.1:{port}"
    airflow = str(VENV / "bin" / "airflow")
    started: list[subprocess.Popen[bytes]] = []
    try:
        with (home / "airflow.log").open("wb") as log:
            say = {"env": environment, "stdout": log, "stderr": log}
            subprocess.run([airflow, "db", "migrate"], check=True, **say)
            for service in SERVICES:
                command = [airflow, *service]
                started.append(subprocess.Popen(command, start_new_session=True, **say))
            _wait_for(url, started, home / "airflow.log")
            yield {
                "SAYSO_TEST_AIRFLOW_URL": url,
                "SAYSO_TEST_AIRFLOW_PASSWORDS": json.dumps(passwords),
            }
    finally:
        for process in reversed(started):
            _stop(process)


def _settings(home: Path, port: int) -> dict[str, str]:
    users = ",".join(f"{name}:admin" for name in USERS)
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": users,
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
        "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ['PATH']}",
    }


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def _wait_for(url: str, started: list[subprocess.Popen[bytes]], log: Path) -> None:
    """Return once Airflow answers and its scheduler is well; say why when it does not."""
    end = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < end and all(process.poll() is None for process in started):
        with contextlib.suppress(urllib.error.URLError, ConnectionError, KeyError):
            with urllib.request.urlopen(f"{url}/api/v2/monitor/health", timeout=5) as answer:
                said = json.loads(answer.read())
            if said["scheduler"]["status"] == said["dag_processor"]["status"] == "healthy":
                return
        time.sleep(0.5)
    sys.exit(f"Airflow did not start:\n{log.read_text(errors='replace')[-3000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a service with the children that it made, first by asking."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(SECONDS_TO_STOP)
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
