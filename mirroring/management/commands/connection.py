"""`manage.py connection create|rotate-secret`: let a system of record in."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mirroring import transitions
from mirroring.models import Connection
from tracks import textpolicy
from tracks.ids import parse_public_id
from tracks.management.output import show
from tracks.models import Workspace

DAY = 86_400


class Command(BaseCommand):
    help = "Create a connection to a system of record, or give it a new secret."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        create = verbs.add_parser("create", help="Create one; print its URL and secret, this once.")
        create.add_argument("--workspace", required=True, metavar="NAME")
        create.add_argument("--kind", required=True, choices=Connection.Kind.values)
        create.add_argument("--name", required=True, help="shown to approvers as who is asking")
        create.add_argument("--bearer", action="store_true", help="make a bearer token, too")
        rotate = verbs.add_parser("rotate-secret", help="Make a new secret; print it, this once.")
        rotate.add_argument("connection", help="its id: con_…")
        rotate.add_argument(
            "--overlap-seconds",
            type=int,
            default=DAY,
            metavar="N",
            help="how long the secret before is still accepted (default: a day)",
        )
        for parser_of_verb in (create, rotate):
            parser_of_verb.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verb"] == "create":
            self._create(**options)
        else:
            self._rotate(**options)

    def _create(
        self, *, workspace: str, kind: str, name: str, bearer: bool, json: bool, **_: Any
    ) -> None:
        owner = Workspace.objects.filter(name=workspace).first()
        if owner is None:
            raise CommandError(f"There is no workspace {workspace!r}.")
        try:
            connection, secret = transitions.create_connection(
                workspace_id=owner.pk, name=_checked(name), kind=kind
            )
        except transitions.ConnectionNameTaken as error:
            raise CommandError(error.detail) from None
        result = {
            "id": connection.public_id,
            "workspace": owner.name,
            "kind": connection.kind,
            "name": connection.name,
            "url": connection.url,
            "secret": secret,
        }
        prose = [f"URL     {connection.url}", f"Secret  {secret}"]
        if bearer:
            result["bearer_token"] = transitions.set_bearer_token(connection)
            prose.append(f"Token   {result['bearer_token']}")
        prose.append("This is the only time they are shown.")
        show(self, result, "\n".join(prose), as_json=json)

    def _rotate(self, *, connection: str, overlap_seconds: int, json: bool, **_: Any) -> None:
        pk = parse_public_id("con", connection)
        if pk is None or not Connection.objects.filter(pk=pk).exists():
            raise CommandError("There is no such connection.")
        if overlap_seconds < 0:
            raise CommandError("The overlap cannot be negative.")
        overlap = timedelta(seconds=overlap_seconds)
        secret = transitions.rotate_secret(connection_id=pk, overlap=overlap)
        prose = f"Secret  {secret}\nThis is the only time it is shown."
        show(self, {"id": connection, "secret": secret}, prose, as_json=json)


def _checked(name: str) -> str:
    try:
        clean = textpolicy.clean(name, multiline=False)
    except textpolicy.UnsafeText as error:
        raise CommandError(str(error)) from None
    if textpolicy.is_blank(clean) or len(clean) > 120:
        raise CommandError("A name has 1 to 120 characters.")
    return clean
