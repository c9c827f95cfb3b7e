"""`manage.py seed_demo`: the four demos as real tracks in every state, for staff to look at."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from approvals.demo.seeding import seed
from tracks.management.output import show


class Command(BaseCommand):
    help = "Write the demos' tracks, in workspaces of their own. A second run adds nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        tracks = [
            {
                "workspace": track.workspace.name,
                "state": state,
                "id": track.public_id,
                "url": f"{settings.PUBLIC_BASE_URL}/t/{track.slug}",
            }
            for state, track in seed()
        ]
        lines = [f"{each['workspace']:24} {each['state']:12} {each['url']}" for each in tracks]
        show(self, {"tracks": tracks}, "\n".join(lines), as_json=options["json"])
