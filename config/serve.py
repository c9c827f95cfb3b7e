"""The web process: `python -m config.serve --host 127.0.0.1 --port 8000`."""

import argparse
import gc
import os
import resource
import signal
import sys
from types import FrameType
from typing import Any

import django
import uvicorn
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tracks.wakeups import hub

BACKLOG = 4096
WANTED_FILES = 65_536
GARBAGE = 20_000  # objects between two looks for cycles; a request makes thousands, and few
TURN = 0.001  # seconds a thread computes while others wait for it: an agent that was woken, say
GRACE = 3  # seconds for what is under way once we are told to stop
LARGEST_HEAD = 512 * 1024  # bytes of request line and headers; the parser itself knows no end


class Protocol(HttpToolsProtocol):
    """A connection whose request heads come to an end."""

    _is_in_head = False
    _head = 0

    def on_message_begin(self) -> None:
        self._is_in_head, self._head = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_in_head:
            self._head += len(data)
            if self._head > LARGEST_HEAD and not self.transport.is_closing():
                self.send_400_response("The request's head is too long.")


class Server(uvicorn.Server):
    """Stops at once: whoever waits is told "still open" and asks the next process."""

    async def startup(self, *args: Any, **options: Any) -> None:
        await super().startup(*args, **options)
        # What is there now stays: the garbage collector need not go through it again and again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE)
        sys.setswitchinterval(TURN)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        hub.close_from_any_thread()
        super().handle_exit(sig, frame)


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    arguments = parser.parse_args()
    _refuse_dangerous_settings()
    _allow_many_connections()
    config = uvicorn.Config(
        "config.asgi:application",
        host=arguments.host,
        port=arguments.port,
        http=Protocol,
        ws="none",
        lifespan="on",
        backlog=BACKLOG,
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=GRACE,
    )
    Server(config).run()


def _refuse_dangerous_settings() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    try:
        call_command("check")
    except SystemCheckError as error:
        sys.exit(str(error))


def _allow_many_connections() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_FILES if most == resource.RLIM_INFINITY else min(WANTED_FILES, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


if __name__ == "__main__":
    # A parent that ignores SIGINT (a shell's background job) must not make us unstoppable.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main()
