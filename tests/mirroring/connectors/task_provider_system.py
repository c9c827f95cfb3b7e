"""The reference task provider (examples/task_provider.py) itself, for the contract suite."""

import importlib.util
import threading
from pathlib import Path
from types import ModuleType

from mirroring.connectors.base import Connector, State
from mirroring.connectors.task_provider import TaskProvider

PROGRAM = Path(__file__).parents[3] / "examples" / "task_provider.py"
TOKEN = "provider-token-0123456789"


def load() -> ModuleType:
    """Return the program as a module: examples are no package."""
    spec = importlib.util.spec_from_file_location("task_provider_example", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


EXAMPLE = load()


class TaskProviderSystem:
    approver = "alice@corp.example"
    has_amounts = True

    def __init__(self) -> None:
        self.tasks = EXAMPLE.Tasks()
        self.server = EXAMPLE.serve(self.tasks, TOKEN)
        self.server.daemon_threads = True
        self.server.RequestHandlerClass.log_message = lambda *_: None
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        serve = {"target": self.server.serve_forever, "kwargs": {"poll_interval": 0.02}}
        threading.Thread(**serve, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def connector(self, **config: str) -> Connector:
        return TaskProvider({"base_url": self.url, "token": TOKEN, **config})

    def bad_credentials(self) -> dict[str, str]:
        return {"token": "provider-wrong-0123456789"}

    def open(self, title: str, *, amount: str | None = None) -> str:
        more = {"amount": amount, "currency": "EUR"} if amount else {}
        return self.tasks.add(title, approver=self.approver, **more)

    def decide(self, ref: str, state: State) -> None:
        by = {"id": "alice", "email": self.approver, "name": "Alice Approver"}
        self.tasks.change(ref, state=state.value, decided={"by": by})

    def touch(self, ref: str) -> None:
        self.tasks.change(ref, description="And now for something else.")

    def log(self, ref: str) -> list[str]:
        return self.tasks.log[ref]
