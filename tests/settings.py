"""Settings of the tests: the project's own, with nothing that reaches outside the run."""

import os
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

_DATA = tempfile.TemporaryDirectory(prefix="sayso-tests-")
os.environ.setdefault("SAYSO_DATA", _DATA.name)
os.environ["SAYSO_EMBEDDED"] = "1"
# Processes of one run have a Redis database each, as they have a PostgreSQL database each.
if os.environ.get("REDIS_URL") and "PYTEST_XDIST_WORKER" in os.environ:
    _number = os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw")
    os.environ["REDIS_URL"] = urlsplit(os.environ["REDIS_URL"])._replace(path=_number).geturl()

from config.settings import *  # noqa: E402, F403
from config.settings import DATABASES, STORAGES  # noqa: E402

ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]
CELERY_BROKER_URL = "memory://"
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, object] = {}
IN_PROCESS_TASKS: set[str] = set()
TRIGGERS_LEFT_OUT = ("event_log_stays",)  # the flush after a transactional test empties all tables
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
WHITENOISE_AUTOREFRESH = True
DATABASES["default"]["CONN_MAX_AGE"] = 0
DATABASES["default"]["TEST"] = {"NAME": os.environ.get("SAYSO_TEST_DATABASE_NAME")}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file: threads and servers of the tests share it, as processes share the real one.
    DATABASES["default"]["TEST"] = {"NAME": str(Path(_DATA.name) / "test.sqlite3")}
