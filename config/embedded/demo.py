"""`python -m config.embedded.demo`: let the quickstart agent loose on the running Sayso."""

import os
import sys

from config.embedded import state
from config.env import BASE_DIR

QUICKSTART = BASE_DIR / "examples" / "quickstart.py"


def main() -> None:
    """Become the quickstart agent, with the key and the address of the run."""
    facts = state.published()
    if facts is None:
        sys.exit("Sayso does not run here. Start it with:  make run")
    environment = os.environ | {
        "SAYSO_BASE_URL": facts["base_url"],
        "SAYSO_API_KEY": facts["api_key"],
        "SAYSO_MAILBOX_URL": facts["mailbox_url"],
    }
    os.execve(sys.executable, [sys.executable, str(QUICKSTART)], environment)  # noqa: S606  ours


if __name__ == "__main__":
    main()
