"""The broker of the embedded run: files that a worker may look at whenever it likes."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection

import config.celery  # noqa: F401  names the transport

MESSAGES = 1000


@pytest.fixture
def options(tmp_path: Path) -> dict[str, Any]:
    for folder in ("messages", "control"):
        (tmp_path / folder).mkdir()
    return {
        "data_folder_in": str(tmp_path / "messages"),
        "data_folder_out": str(tmp_path / "messages"),
        "control_folder": str(tmp_path / "control"),
        "polling_interval": 0.0005,
    }


@pytest.fixture
def queue(options: dict[str, Any]) -> Iterator[Any]:
    with Connection("filesystem://localhost", transport_options=options) as connection:
        yield connection.SimpleQueue("celery")


def test_every_message_arrives_whole(queue: Any, options: dict[str, Any]) -> None:
    def send() -> None:
        with Connection("filesystem://localhost", transport_options=options) as connection:
            sender = connection.SimpleQueue("celery")
            for number in range(MESSAGES):
                sender.put({"number": number})

    thread = threading.Thread(target=send)
    thread.start()
    numbers = []
    for _ in range(MESSAGES):
        message = queue.get(timeout=10)
        numbers.append(message.payload["number"])
        message.ack()
    thread.join()
    assert sorted(numbers) == list(range(MESSAGES))
    assert not list(Path(options["data_folder_in"]).iterdir())


def test_a_message_that_is_being_written_is_not_seen(queue: Any, options: dict[str, Any]) -> None:
    (Path(options["data_folder_in"]) / ".1_abc.celery.msg").touch()
    with pytest.raises(queue.Empty):
        queue.get(timeout=0.01)
