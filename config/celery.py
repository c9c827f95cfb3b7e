"""The Celery application: pokes for speed, periodic sweeps for certainty. It holds no state."""

import os

from celery import Celery
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# For the embedded run: kombu's own lets a worker see a message before it is written.
TRANSPORT_ALIASES["filesystem"] = "config.embedded.broker:Transport"

app = Celery("sayso")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
