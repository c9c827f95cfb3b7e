"""`python -m config.embedded`, which is what `make run` runs: everything, until it is stopped."""

import http.client
import sys
import time
from pathlib import Path

from config.embedded import state, terminal
from config.embedded.options import Options, Unusable
from config.embedded.processes import Child, Tree
from config.embedded.stopping import Stop
from config.embedded.terminal import say
from config.env import data_dir

LONGEST_START = 60.0  # seconds
# Seconds to stop. The web process may have requests under way. The worker looks up from its broker
# only every two seconds; a task that it has begun is over long before we end it.
PATIENCE_WITH_WEB, PATIENCE_WITH_WORKER = 4.0, 1.5
LOOK_EVERY = 0.1  # seconds


def main() -> int:
    """Run Sayso until it is stopped, and return the exit status."""
    stop = Stop()
    try:
        with state.lock():
            _run(Options.read(), stop)
    except state.AlreadyRunning:
        say(f"Sayso runs on {data_dir()} already. SAYSO_DATA=… starts another one beside it.")
        return 1
    except Unusable as error:
        say(str(error))
        return 1
    say("Stopped.")
    return 0


def _run(options: Options, stop: Stop) -> None:
    state.withdraw()
    say("Starting…")
    is_fresh = not state.kept("api_key")
    tree = Tree()
    try:
        if not _prepare(tree, options, stop) or not _start_web(tree, options, stop):
            return
        tree.add(_worker(options))
        tree.add(_beat(options))
        terminal.welcome(state.publish(options.base_url), data=data_dir())
        if options.is_open_to_others:
            say("Others can reach this address. They can read the mailbox, and so every code.")
        if is_fresh and options.with_demo:
            tree.add(_demo(options))
        _watch(tree, stop)
    finally:
        state.withdraw()
        tree.stop()


def _prepare(tree: Tree, options: Options, stop: Stop) -> bool:
    """Migrate and create what is missing; False if we are to stop before that is done."""
    command = [sys.executable, "manage.py", "prepare_embedded"]
    child = tree.add(
        Child("prepare", command, options.environment(), log=_log("prepare"), restarts=False)
    )
    while not stop.was_asked():
        if child.exit_code() == 0:
            return True
        if child.exit_code() is not None:
            raise Unusable(f"The data could not be prepared.\n{_end_of_log(child)}")
        time.sleep(LOOK_EVERY)
    return False


def _start_web(tree: Tree, options: Options, stop: Stop) -> bool:
    """Start the web process and wait until it answers; False if we are to stop before."""
    web = tree.add(_web(options))
    deadline = time.monotonic() + LONGEST_START
    while not stop.was_asked():
        if web.exit_code() is not None or time.monotonic() > deadline:
            raise Unusable(f"The web process did not start.\n{_end_of_log(web)}")
        if _answers(options):
            return True
        time.sleep(LOOK_EVERY)
    return False


def _web(options: Options) -> Child:
    address = ["--host", options.host, "--port", str(options.port)]
    web = _python("web", ["config.serve", *address], options.environment())
    web.patience = PATIENCE_WITH_WEB
    return web


def _worker(options: Options) -> Child:
    # One task at a time is plenty here, and there are no other workers to hear from.
    alone = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    command = ["celery", "--quiet", "-A", "config", "worker", "--pool", "solo", *alone]
    # The broker takes a message by moving it to the folder of temporary files.
    taken = {"TMPDIR": str(state.make_folder(data_dir() / "broker" / "taken"))}
    worker = _python("worker", command, _quiet(options) | taken)
    worker.patience = PATIENCE_WITH_WORKER
    return worker


def _beat(options: Options) -> Child:
    # This scheduler needs no state file: what is due is in the database.
    command = ["celery", "--quiet", "-A", "config", "beat", "--scheduler", "celery.beat:Scheduler"]
    return _python("beat", [*command, "--pidfile", ""], _quiet(options))


def _demo(options: Options) -> Child:
    command = [sys.executable, "-m", "config.embedded.demo"]
    return Child("agent", command, options.environment(), restarts=False)


def _python(name: str, module: list[str], environment: dict[str, str]) -> Child:
    return Child(name, [sys.executable, "-m", *module], environment, log=_log(name))


def _quiet(options: Options) -> dict[str, str]:
    # Celery tells of every sweep, a line every other second.
    return {"LOG_LEVEL": "WARNING"} | options.environment()


def _answers(options: Options) -> bool:
    connection = http.client.HTTPConnection(options.local_host, options.port, timeout=1)
    try:
        connection.request("GET", "/readyz", headers={"Host": "localhost"})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _watch(tree: Tree, stop: Stop) -> None:
    while not stop.was_asked():
        for child in tree.tend():
            say(f"{child.name} ended and is started again. See {child.log}")
        time.sleep(LOOK_EVERY)


def _log(name: str) -> Path:
    return state.make_folder(data_dir() / "log") / f"{name}.log"


def _end_of_log(child: Child) -> str:
    assert child.log is not None
    return f"{child.log} ends with:\n{terminal.tail(child.log)}"


if __name__ == "__main__":
    sys.exit(main())
