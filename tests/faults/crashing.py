"""Settings of processes that kill themselves at a chosen moment, and what kills them.

A moment is armed by a file of its name in the data folder and happens once. SIGKILL is what a
power cut or the kernel's OOM killer looks like: nothing is finished, nothing is said.
"""

import os
import signal
from collections.abc import Sequence
from typing import Any

from config.settings import *  # noqa: F403
from config.settings import DATA_DIR, EVENT_CONSUMERS

BEFORE_CONSUMERS, AFTER_CONSUMERS = "die-before-consumers", "die-after-consumers"
AFTER_SENDING = "die-after-sending"

EVENT_CONSUMERS = [
    f"{__name__}.before_consumers",
    *EVENT_CONSUMERS,
    f"{__name__}.after_consumers",
]
EMAIL_BACKEND = f"{__name__}.DiesAfterSending"
IN_PROCESS_TASKS: set[str] = set()  # the worker sends the mail


def die_if_armed(moment: str) -> None:
    """Die where a test has armed this moment."""
    armed = DATA_DIR / moment
    if armed.exists():
        armed.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


def before_consumers(events: Sequence[Any]) -> None:
    """Die after the commit, before anything followed from it."""
    if {event.type for event in events} & {"input_request.created", "input_request.timeout"}:
        die_if_armed(BEFORE_CONSUMERS)


def after_consumers(events: Sequence[Any]) -> None:
    """Die after the consumers have run, before that is written down and the response is sent."""
    if any(event.type == "input_request.created" for event in events):
        die_if_armed(AFTER_CONSUMERS)


class DiesAfterSending:
    """The mailbox, whose process dies before it can write down that the mail has left."""

    def __init__(self, *args: Any, **options: Any) -> None:
        from config.mailbox.backend import MailboxBackend

        self._mailbox = MailboxBackend(*args, **options)

    def send_messages(self, messages: Sequence[Any]) -> int:
        """Send, then die if it is time."""
        sent = self._mailbox.send_messages(messages)
        die_if_armed(AFTER_SENDING)
        return sent
