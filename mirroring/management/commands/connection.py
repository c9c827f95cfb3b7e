"""`manage.py connection create|list|resume|rotate-secret`: let a system of record in."""

import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.errors import DomainError
from mirroring import operating, transitions
from mirroring.connection_form import PREFIX, ConnectionForm, fields_of, form_for
from mirroring.connectors import CONNECTORS
from mirroring.connectors.base import ConfigField
from mirroring.management.naming import HOW, named
from mirroring.models import PUSH, Connection
from mirroring.serializers import connections_json
from tracks.actors import SYSTEM
from tracks.clock import database_now
from tracks.management.output import show
from tracks.models import Workspace

DAY = 86_400
# The settings of a connection, by the options that set them.
SETTINGS = {
    "interval": "interval_seconds",
    "requests_per_minute": "requests_per_minute",
    "notices": "notices",
    "notices_per_hour": "notices_per_hour",
    "expiry_days": "expiry_days",
    "fallback_approver": "fallback_approver",
}


class Command(BaseCommand):
    help = "Create a connection to a system of record, list and resume them, replace a secret."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        create = verbs.add_parser("create", help="Create one; print its URL and secret, this once.")
        _add_create_arguments(create)
        lists = verbs.add_parser("list", help="Tell how each stands.")
        lists.add_argument("--workspace", metavar="NAME", help="only those of this one")
        resume = verbs.add_parser("resume", help="Poll again what was paused.")
        rotate = verbs.add_parser("rotate-secret", help="Make a new secret; print it, this once.")
        rotate.add_argument(
            "--overlap-seconds",
            type=int,
            default=DAY,
            metavar="N",
            help="how long the secret before is still accepted (default: a day)",
        )
        for each in (resume, rotate):
            each.add_argument("connection", metavar="CONNECTION", help=HOW)
        for each in (create, lists, resume, rotate):
            each.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        verbs: dict[str, Callable[..., None]] = {
            "create": self._create,
            "list": self._list,
            "resume": self._resume,
            "rotate-secret": self._rotate,
        }
        try:
            verbs[options["verb"]](**options)
        except DomainError as error:
            raise CommandError(error.detail) from None

    def _create(self, *, workspace: str, kind: str, bearer: bool, json: bool, **given: Any) -> None:
        owner = Workspace.objects.filter(name=workspace).first()
        if owner is None:
            raise CommandError(f"There is no workspace {workspace!r}.")
        form = _filled(owner, kind, given)
        connection, secret = form.create()
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

    def _list(self, *, workspace: str | None, json: bool, **_: Any) -> None:
        rows = Connection.objects.select_related("workspace", "poll")
        found = list(rows.filter(workspace__name=workspace) if workspace else rows)
        shown = connections_json(found, now=database_now())
        lines = [
            f"{each['id']}  {each['status']:9} {row.workspace.name}/{row.name} ({row.kind})"
            for row, each in zip(found, shown, strict=True)
        ]
        show(self, {"data": shown}, "\n".join(lines), as_json=json)

    def _resume(self, *, connection: str, json: bool, **_: Any) -> None:
        found = named(connection)
        said = operating.resume(found, actor=SYSTEM)
        show(self, {"id": found.public_id}, said, as_json=json)

    def _rotate(self, *, connection: str, overlap_seconds: int, json: bool, **_: Any) -> None:
        found = named(connection)
        if overlap_seconds < 0:
            raise CommandError("The overlap cannot be negative.")
        overlap = timedelta(seconds=overlap_seconds)
        secret = transitions.rotate_secret(connection_id=found.pk, overlap=overlap)
        prose = f"Secret  {secret}\nThis is the only time it is shown."
        show(self, {"id": found.public_id, "secret": secret}, prose, as_json=json)


def _add_create_arguments(create: CommandParser) -> None:
    create.add_argument("--workspace", required=True, metavar="NAME")
    create.add_argument("--kind", required=True, choices=[PUSH, *CONNECTORS])
    create.add_argument("--name", required=True, help="shown to approvers as who is asking")
    create.add_argument("--bearer", action="store_true", help="make a bearer token, too")
    create.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="what the connector is told; @FILE reads a file, - the standard input",
    )
    create.add_argument(
        "--secret",
        action="append",
        default=[],
        metavar="FIELD=@FILE",
        help="a secret of the connector, out of a file or (FIELD=-) the standard input",
    )
    create.add_argument("--interval", type=int, metavar="SECONDS")
    create.add_argument("--requests-per-minute", type=int, metavar="N")
    create.add_argument("--notices", choices=Connection.Notices.values)
    create.add_argument("--notices-per-hour", type=int, metavar="N")
    create.add_argument("--expiry-days", type=int, metavar="N")
    create.add_argument("--fallback-approver", metavar="ADDRESS")
    create.add_argument("--allowed-domain", action="append", default=[], metavar="DOMAIN")


def _filled(owner: Workspace, kind: str, given: Mapping[str, Any]) -> ConnectionForm:
    """Return the form that staff would have filled in; raise CommandError for what is wrong."""
    form = form_for(kind)(
        {
            "workspace": owner.pk,
            "name": given["name"],
            **_settings(given),
            **{PREFIX + name: value for name, value in _told(kind, given)},
        }
    )
    if not form.is_valid():
        raise CommandError("\n".join(_problems(form)))
    return form


def _settings(given: Mapping[str, Any]) -> dict[str, Any]:
    unsaved = Connection()  # has the defaults
    names = [*SETTINGS.values(), "enabled", "leaves_marks"]
    defaults = {name: getattr(unsaved, name) for name in names}
    typed = {name: given[option] for option, name in SETTINGS.items() if given[option] is not None}
    return {**defaults, **typed, "allowed_domains": "\n".join(given["allowed_domain"])}


def _told(kind: str, given: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    fields = {each.name: each for each in fields_of(kind)}
    defaults = {each.name: each.default for each in fields.values()}
    plain = dict(_pairs(given["set"], fields, is_secret=False))
    return {**defaults, **plain, **dict(_pairs(given["secret"], fields, is_secret=True))}.items()


def _pairs(
    given: Iterable[str], fields: Mapping[str, ConfigField], *, is_secret: bool
) -> Iterable[tuple[str, str]]:
    for each in given:
        name, _, value = each.partition("=")
        if name not in fields:
            raise CommandError(f"{name}: There is no such field; there is {', '.join(fields)}.")
        if fields[name].is_secret and not is_secret:
            raise CommandError(f"{name} is a secret: give it by --secret, out of a file.")
        yield name, _value(name, value, is_secret=is_secret)


def _value(name: str, value: str, *, is_secret: bool) -> str:
    if value == "-":
        return sys.stdin.read()
    if not value.startswith("@"):
        if is_secret:  # others on this machine can read the arguments of a process
            raise CommandError(f"{name}: Give a secret as @FILE, or as - for the standard input.")
        return value
    try:
        return Path(value[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{name}: {value[1:]} cannot be read: {error}") from None


def _problems(form: ConnectionForm) -> Iterable[str]:
    """Return everything that is wrong, each with its field and its line."""
    for name, errors in form.errors.items():
        for error in errors:
            yield f"{name.removeprefix(PREFIX)}: {error}"
