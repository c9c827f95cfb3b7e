"""`manage.py workspace create NAME`: make a tenant."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tracks.addresses import NotAnAddress, check_address
from tracks.management.output import show
from tracks.models import Workspace


class Command(BaseCommand):
    help = "Create a workspace."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        create = verbs.add_parser("create", help="Create a workspace.")
        create.add_argument("name", help="1 to 120 characters, shown to approvers")
        create.add_argument(
            "--contact-email", default="", help="who is told when something needs looking after"
        )
        create.add_argument(
            "--plan",
            choices=Workspace.Plan.values,
            default=Workspace.Plan.UNLIMITED.value,
            help="how many requests it may open a month (default: unlimited)",
        )
        create.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["name"].strip()
        if not 0 < len(name) <= 120:
            raise CommandError("A name has 1 to 120 characters.")
        contact = _checked(options["contact_email"])
        workspace, created = Workspace.objects.get_or_create(
            name=name, defaults={"contact_email": contact, "plan": options["plan"]}
        )
        if not created:
            raise CommandError(f"There is a workspace {name!r} already.")
        show(
            self,
            {"id": str(workspace.pk), "name": workspace.name},
            f"Created the workspace {workspace.name!r}.",
            as_json=options["json"],
        )


def _checked(address: str) -> str:
    try:
        return address and check_address(address)
    except NotAnAddress as error:
        raise CommandError(str(error)) from None
