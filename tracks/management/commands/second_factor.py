"""`manage.py second_factor remove NAME`: for a superuser who has lost theirs."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from tracks import people
from tracks.actors import SYSTEM
from tracks.management.output import show
from tracks.models import Authenticator


class Command(BaseCommand):
    help = "Remove the second factor of a member of staff."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        remove = verbs.add_parser("remove", help="Remove it; the password alone lets them in.")
        remove.add_argument("name", help="with which they sign in")
        remove.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, name: str, json: bool, **options: Any) -> None:
        person = get_user_model().objects.filter(username=name).first()
        if person is None:
            raise CommandError(f"Nobody signs in as {name!r}.")
        if not Authenticator.objects.filter(user=person).exists():
            raise CommandError(f"{name} has no second factor.")
        prose = people.remove_second_factor(person, actor=SYSTEM, reason="On the command line")
        show(self, {"name": name, "second_factor": False}, prose, as_json=json)
