"""The ASGI application: a router before Django.

Requests that wait (an ask, a feed, a page's live stream) are answered here, on the event loop: no
thread, no database connection while they wait. Everything else goes to Django's WSGI application in
a few threads. The waiting paths are not a second API: they call what the views call, and a test
holds every refusal of both against each other.
"""

import asyncio
import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.conf import settings  # noqa: E402

from approvals.wait import closed_asks  # noqa: E402
from config import (  # noqa: E402
    subscriber,
    urls,  # noqa: F401  every view is loaded now, not during the first request
)
from config.bridge import Bridge  # noqa: E402
from config.incoming import Incoming, Message, Receive, Send  # noqa: E402
from config.waiting_paths import logged, waiting_answer  # noqa: E402
from config.wsgi import application as wsgi  # noqa: E402
from tracks.wakeups import hub  # noqa: E402
from tracks.watcher import Watcher, changed_tracks  # noqa: E402

# SQLite lets one write at a time and the others wait unfairly: more threads would only queue.
DJANGO_THREADS = 4

_django = Bridge(wsgi, threads=DJANGO_THREADS)


async def application(scope: Message, receive: Receive, send: Send) -> None:
    """Serve one connection of the ASGI server."""
    if scope["type"] == "lifespan":
        await _live_and_stop(receive, send)
        return
    incoming = Incoming(scope)
    waiting = waiting_answer(incoming, receive, send)
    if waiting is not None:
        await logged(incoming, waiting)
    else:
        await _django.serve(incoming, receive, send)


async def _live_and_stop(receive: Receive, send: Send) -> None:
    await receive()
    hub.attach(asyncio.get_running_loop())
    jobs = [asyncio.create_task(Watcher(hub, [changed_tracks, closed_asks]).run())]
    if settings.REDIS_URL:
        jobs.append(asyncio.create_task(subscriber.run(hub)))
    await send({"type": "lifespan.startup.complete"})
    await receive()
    for job in jobs:
        job.cancel()
    await send({"type": "lifespan.shutdown.complete"})
