"""The web process: `python -m config.serve --host 127.0.0.1 --port 8000`."""

import argparse
import os
import resource
import signal
import sys
from types import FrameType

import django
import uvicorn
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from tracks.wakeups import hub

BACKLOG = 4096
WANTED_FILES = 65_536
GRACE = 3  # seconds for what is under way once we are told to stop


class Server(uvicorn.Server):
    """Stops at once: whoever waits is told "still open" and asks the next process."""

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
        http="httptools",
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
