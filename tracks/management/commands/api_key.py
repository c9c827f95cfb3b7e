"""`manage.py api_key create|revoke`: let an agent in, or no longer."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tracks.clock import database_now, rfc3339
from tracks.management.output import show
from tracks.models import ApiKey, Workspace
from tracks.models.workspace import KEY_PREFIX, SCOPES


class Command(BaseCommand):
    help = "Create or revoke an API key."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        create = verbs.add_parser("create", help="Create a key and print it, this once.")
        create.add_argument("--workspace", required=True, metavar="NAME")
        create.add_argument("--name", default="Agent", help="shown to approvers as who is asking")
        create.add_argument(
            "--scope",
            action="append",
            choices=SCOPES,
            metavar="S",
            help=f"may be repeated; without it the key has all: {', '.join(SCOPES)}",
        )
        revoke = verbs.add_parser("revoke", help="Revoke a key: it stops within five seconds.")
        revoke.add_argument("key", help="the key, or its first 20 characters")
        for parser_of_verb in (create, revoke):
            parser_of_verb.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verb"] == "create":
            self._create(**options)
        else:
            self._revoke(**options)

    def _create(
        self, *, workspace: str, name: str, scope: list[str] | None, json: bool, **_: Any
    ) -> None:
        owner = Workspace.objects.filter(name=workspace).first()
        if owner is None:
            raise CommandError(f"There is no workspace {workspace!r}.")
        if not 0 < len(name) <= 120:
            raise CommandError("A name has 1 to 120 characters.")
        key, text = ApiKey.issue(workspace=owner, name=name, scopes=scope)
        result = {
            "id": _shown_id(key),
            "workspace": owner.name,
            "name": key.name,
            "scopes": key.scopes,
            "api_key": text,
        }
        prose = f"{text}\nThis is the only time the key is shown."
        show(self, result, prose, as_json=json)

    def _revoke(self, *, key: str, json: bool, **_: Any) -> None:
        key_id = key.removeprefix(KEY_PREFIX)[:12]
        found = ApiKey.objects.filter(key_id=key_id).first()
        if found is None:
            raise CommandError("There is no such key.")
        if found.revoked_at is None:
            found.revoked_at = database_now()
            found.save(update_fields=["revoked_at"])
        result = {"id": _shown_id(found), "revoked_at": rfc3339(found.revoked_at)}
        show(self, result, f"Revoked {found}.", as_json=json)


def _shown_id(key: ApiKey) -> str:
    return f"{KEY_PREFIX}{key.key_id}"
