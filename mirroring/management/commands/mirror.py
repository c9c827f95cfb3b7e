"""`manage.py mirror test|dry-run|poll`: try a connection out, or poll it here and now."""

from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.errors import DomainError
from mirroring import dry_run, trying
from mirroring.following import PollFailed, poll_to_the_end
from mirroring.management.naming import HOW, named
from mirroring.models import Connection, Poll
from mirroring.serializers import connections_json, test_json
from tracks.actors import SYSTEM
from tracks.clock import database_now
from tracks.management.output import printable, show


class Command(BaseCommand):
    help = "Test a connection, tell what a poll would do, or poll it in this process."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        test = verbs.add_parser("test", help="Try the account and a short list; write nothing.")
        dry = verbs.add_parser("dry-run", help="Tell what a poll would do; write nothing.")
        dry.add_argument(
            "--from-start", action="store_true", help="read from the start, not from the last poll"
        )
        poll = verbs.add_parser("poll", help="Poll in this process until the pass is over.")
        poll.add_argument(
            "--accept-missing",
            action="store_true",
            help="close what is gone from the system, however much it is",
        )
        for each in (test, dry, poll):
            each.add_argument("connection", metavar="CONNECTION", help=HOW)
            each.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        verbs: dict[str, Callable[..., None]] = {
            "test": self._test,
            "dry-run": self._dry_run,
            "poll": self._poll,
        }
        try:
            verbs[options["verb"]](named(options["connection"]), **options)
        except DomainError as error:
            raise CommandError(error.detail) from None

    def _test(self, found: Connection, *, json: bool, **_: Any) -> None:
        tested = trying.test(found)
        result = test_json(tested)
        prose = [f"{name:20}{value}" for name, value in result.items() if value is not None]
        show(self, result, "\n".join(prose), as_json=json)
        if not tested.health.ok:
            raise CommandError(f"{tested.health.detail} {tested.health.how_to_fix}".strip())

    def _dry_run(self, found: Connection, *, from_start: bool, json: bool, **_: Any) -> None:
        told = dry_run.dry_run(found, from_start=from_start)
        show(self, dry_run.dry_run_json(told), "\n".join(_lines(told)), as_json=json)

    def _poll(self, found: Connection, *, accept_missing: bool, json: bool, **_: Any) -> None:
        try:
            for poll in poll_to_the_end(found, actor=SYSTEM, accepts_missing=accept_missing):
                if poll.pass_started_at is not None and not json:
                    self.stdout.write(f"{poll.pass_count:,} read so far")
        except PollFailed as error:
            raise CommandError(str(error)) from None
        self._show_polled(named(found.public_id), poll, json=json)

    def _show_polled(self, found: Connection, poll: Poll, *, json: bool) -> None:
        (result,) = connections_json([found], now=database_now())
        counts = [f"{count:,} {status}" for status, count in result["records"].items() if count]
        prose = [f"{poll.pass_count:,} read. Records: {', '.join(counts) or 'none'}."]
        prose += [poll.warning] if poll.warning else []
        show(self, result, "\n".join(prose), as_json=json)


def _lines(told: dry_run.DryRun) -> list[str]:
    """Return a line for each approval: what would happen to it, to whom, and why."""
    lines = []
    for each in told.outlooks:
        who = ", ".join(each.approvers)
        how = f" ({each.told})" if each.told else ""
        details = "; ".join(part for part in (each.why, *each.changes) if part)
        parts = (
            f"{each.effect:12}",
            each.item.external_id,
            each.item.title,
            f"{who}{how}",
            details,
        )
        lines.append("  ".join(part for part in parts if part))
    lines += [f"{'skipped':12}  {each.which}  {each.why}" for each in told.skipped]
    counts = [f"{count} {effect}" for effect, count in told.counts.items() if count]
    stopped = f" Stopped by the limit of {told.stopped}." if told.stopped else ""
    lines = [printable(line) for line in lines]
    return [*lines, f"{', '.join(counts) or 'Nothing'}.{stopped} Nothing was written."]
