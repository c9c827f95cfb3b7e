"""Real processes for tests and benches, on a database of their own.

    with installed() as place:
        web = place.web()
        agent = place.outsider().call("issue_key")
        httpx2.get(f"{web.base_url}/api/v1/tracks", headers=…)

The database is a fresh SQLite file, or a fresh PostgreSQL database where DATABASE_URL names a
server (it is created and dropped by name). REDIS_URL is passed on. Everything that was started is
stopped by its pid.
"""

import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import redis
from psycopg import sql

ROOT = Path(__file__).resolve().parent.parent
READY_WITHIN = 30.0  # seconds
QUEUE = "celery"


class Process:
    """A child process whose output goes to a file."""

    def __init__(self, command: list[str], *, env: Mapping[str, str], log: Path) -> None:
        self._command, self._env, self._log = command, env, log
        self._start()

    def _start(self, **pipes: Any) -> None:
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, *self._command],
                env=self._env,
                cwd=ROOT,
                stdout=pipes.pop("stdout", output),
                stderr=output,
                **pipes,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> str:
        """Return everything the process has written so far."""
        return self._log.read_text(errors="replace")

    def is_running(self) -> bool:
        return self._process.poll() is None

    def stop(self, *, within: float = 10.0) -> float:
        """Ask the process to stop and return how many seconds it took."""
        started = time.monotonic()
        if self.is_running():
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        return time.monotonic() - started

    def kill(self) -> None:
        """End the process as a power cut would."""
        if self.is_running():
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def restart(self) -> None:
        """Start the same command again."""
        assert not self.is_running()
        self._start()


class Web(Process):
    """`python -m config.serve` on a loopback port; a restart keeps the port."""

    def __init__(self, module: str, *, port: int, env: Mapping[str, str], log: Path) -> None:
        self.port = port
        self.base_url = f"http://127.0.0.1:{port}"
        super().__init__(["-m", module, "--port", str(port)], env=env, log=log)

    def _start(self, **pipes: Any) -> None:
        super()._start(**pipes)
        self._until_ready()

    def _until_ready(self) -> None:
        end = time.monotonic() + READY_WITHIN
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(f"{self.base_url}/healthz", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                if not self.is_running():
                    break
                time.sleep(0.02)
        self.kill()
        raise RuntimeError(f"The server did not start:\n{self.log}")

    def threads(self) -> int:
        """Return how many threads the process has."""
        return len(list(Path(f"/proc/{self.pid}/task").iterdir()))

    def resident_bytes(self) -> int:
        """Return how much memory the process holds."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def open_files(self, path: str) -> list[str]:
        """Return the descriptors under which the process has a file open."""
        folder = Path(f"/proc/{self.pid}/fd")
        return [each.name for each in folder.iterdir() if each.readlink() == Path(path)]

    def cpu_seconds(self) -> float:
        """Return how much processor time the process has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class OutsiderFailed(AssertionError):
    """What the outsider was told to do raised an exception."""


class Outsider(Process):
    """Another process on the same database, told what to do line by line (tests.outsider)."""

    def __init__(self, module: str, *, env: Mapping[str, str], log: Path) -> None:
        super().__init__(["-m", module], env=env, log=log)

    def _start(self, **_: Any) -> None:
        super()._start(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def call(self, name: str, **arguments: Any) -> Any:
        """Run one of its functions and return the result."""
        self.tell(name, **arguments)
        return self.reply()

    def tell(self, name: str, **arguments: Any) -> None:
        """Start one of its functions without waiting for the result."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([name, arguments]) + "\n")
        self._process.stdin.flush()

    def reply(self) -> Any:
        """Wait for the result of the oldest function that has not been waited for."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise OutsiderFailed(f"The outsider died:\n{self.log}")
        answer = json.loads(line)
        if "error" in answer:
            raise OutsiderFailed(answer["error"])
        return answer["result"]


@dataclass
class Installation:
    """A database and a folder of their own, and the processes that work on them."""

    folder: Path
    env: dict[str, str]
    port: int
    processes: list[Process] = field(default_factory=list)

    def web(self, *, module: str = "config.serve", **env: str) -> Web:
        """Start the web server and wait until it answers."""
        return self._web(module, self.port, env)

    def another_web(self, *, module: str = "config.serve", **env: str) -> Web:
        """Start one more web server, on a port of its own."""
        return self._web(module, free_port(), env)

    def _web(self, module: str, port: int, env: dict[str, str]) -> Web:
        log = self._log(f"web-{port}")
        return self._keep(Web(module, port=port, env=self.env | env, log=log))

    def worker(self, *options: str, **env: str) -> Process:
        """Start a Celery worker."""
        return self._celery("worker", "--concurrency", "1", *options, **env)

    def process(self, name: str, *command: str, **env: str) -> Process:
        """Start any Python program."""
        process = Process(list(command), env=self.env | env, log=self._log(name))
        self._keep(process)
        return process

    def beat(self, **env: str) -> Process:
        """Start the Celery scheduler."""
        return self._celery("beat", "--scheduler", "celery.beat:Scheduler", **env)

    def _celery(self, kind: str, *options: str, **env: str) -> Process:
        command = ["-m", "celery", "-A", "config.celery", kind, *options, "--loglevel", "INFO"]
        return self.process(kind, *command, **env)

    def outsider(self, *, module: str = "tests.outsider", **env: str) -> Outsider:
        """Start another process that does what it is told."""
        return self._keep(Outsider(module, env=self.env | env, log=self._log(module)))

    def run(self, *command: str, **env: str) -> str:
        """Run a Python command to its end and return what it printed."""
        done = subprocess.run(
            [sys.executable, *command],
            env=self.env | env,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{command} failed:\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def _keep(self, process: Any) -> Any:
        self.processes.append(process)
        return process

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def close(self) -> None:
        """Kill whatever still runs."""
        for process in self.processes:
            process.kill()

    @cached_property
    def database(self) -> str:
        """Return the name of the PostgreSQL database, or the path of the SQLite file."""
        url = self.env.get("DATABASE_URL")
        return urlsplit(url).path.lstrip("/") if url else str(self.folder / "sayso.sqlite3")

    @property
    def admin_url(self) -> str:
        """Return the URL of the PostgreSQL server's own database, from which ours is governed."""
        return os.environ["DATABASE_URL"]

    @property
    def is_postgresql(self) -> bool:
        return "DATABASE_URL" in self.env


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def installed(
    *, postgresql: str | None = None, redis_url: str | None = None
) -> Iterator[Installation]:
    """Yield a migrated installation; by default on what DATABASE_URL and REDIS_URL name.

    An empty string stands for none: `installed(redis_url="")` has no Redis whatever is set.
    """
    server = os.environ.get("DATABASE_URL", "") if postgresql is None else postgresql
    broker = os.environ.get("REDIS_URL", "") if redis_url is None else redis_url
    server = server if server.startswith("postgres") else ""
    migrated = _migrated(server)
    with _folder() as folder, _database(server, like=migrated.database) as database_url:
        shutil.copytree(migrated.folder, folder, dirs_exist_ok=True)
        place = _installation(folder, database_url, broker)
        try:
            yield place
        finally:
            place.close()
            _forget_messages(broker)


@cache
def _migrated(server: str) -> Installation:
    """Return what every installation of this process is a copy of: migrating takes seconds."""
    until_the_end = ExitStack()
    atexit.register(until_the_end.close)
    folder = until_the_end.enter_context(_folder())
    place = _installation(folder, until_the_end.enter_context(_database(server)), "")
    for name in ("messages", "control"):
        (folder / "broker" / name).mkdir(parents=True)
    place.run("manage.py", "migrate", "--verbosity", "0")
    return place


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sayso-") as folder:
        yield Path(folder)


def _installation(folder: Path, database_url: str, broker: str) -> Installation:
    port = free_port()
    env = _environment(str(folder), port, database_url, broker)
    return Installation(folder=folder, port=port, env=env)


def _environment(folder: str, port: int, database_url: str, broker: str) -> dict[str, str]:
    ours = ("DATABASE_URL", "REDIS_URL")
    env = {name: value for name, value in os.environ.items() if name not in ours}
    paths = [str(ROOT / "sdk" / "src"), env.get("PYTHONPATH", "")]
    env |= {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "SAYSO_DATA": folder,
        "SAYSO_EMBEDDED": "1",
        "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}",
        "LOG_FORMAT": "json",
    }
    if database_url:
        env["DATABASE_URL"] = database_url
    if broker:
        env["REDIS_URL"] = broker
    return env


@contextmanager
def _database(server: str, *, like: str = "template1") -> Iterator[str]:
    """Yield the URL of a new PostgreSQL database, or nothing where there is no server."""
    if not server:
        yield ""
        return
    name = f"sayso_{os.getpid()}_{os.urandom(3).hex()}"
    names = {"name": sql.Identifier(name), "like": sql.Identifier(like)}
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {name} TEMPLATE {like}").format(**names))
        try:
            yield urlsplit(server)._replace(path=f"/{name}").geturl()
        finally:
            connection.execute(sql.SQL("DROP DATABASE {name} WITH (FORCE)").format(**names))


def _forget_messages(broker: str) -> None:
    # Pokes that no worker of this installation took name rows that are gone.
    if broker:
        with redis.Redis.from_url(broker) as client:
            client.delete(QUEUE)
