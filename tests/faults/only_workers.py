"""Settings of processes of which workers alone send mail, as in production."""

from config.settings import *  # noqa: F403

IN_PROCESS_TASKS: set[str] = set()
