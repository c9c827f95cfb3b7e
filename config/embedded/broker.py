"""The broker of the embedded run: a message is a file, and appears whole."""

import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from kombu.transport import filesystem
from kombu.utils.json import dumps


class Channel(filesystem.Channel):
    """Kombu's channel, whose own `_put` names a file before it writes it (celery/kombu#1551).

    A worker that looks in between reads an empty message and dies of it.
    """

    def _put(self, queue: str, payload: Any, **_: Any) -> None:  # type: ignore[override]  # so is theirs
        folder = Path(self.data_folder_out)
        name = f"{round(time.monotonic() * 1000)}_{uuid4()}.{queue}.msg"
        draft = folder / f".{name}"  # to a queue only what follows the first dot counts
        draft.write_text(dumps(payload))  # type: ignore[no-untyped-call]
        draft.rename(folder / name)


class Transport(filesystem.Transport):
    """Kombu's file system transport with that channel."""

    Channel = Channel
