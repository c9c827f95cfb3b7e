"""The web server without the net under its wake-ups: what ends a wait here is a wake-up itself."""

import django

django.setup()

from config import serve  # noqa: E402
from tracks import watcher  # noqa: E402

watcher.SQLITE_INTERVAL = watcher.POSTGRESQL_INTERVAL = 3600.0

if __name__ == "__main__":
    serve.main()
