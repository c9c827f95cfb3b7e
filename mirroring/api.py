"""The agent API of connections and records: parse, call one function, render.

Connections are made by staff; here they are looked at, tried out and woken.
"""

from collections.abc import Mapping

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from config.errors import NotFound
from config.paging import page_of
from config.params import choice_param
from mirroring import bodies, dry_run, operating, schema, trying
from mirroring.models import Connection, Record
from mirroring.serializers import connections_json, record_json, test_json
from tracks.clock import database_now
from tracks.idempotency import idempotent, idempotent_read
from tracks.ids import parse_public_id
from tracks.schema import call
from tracks.views import AgentView, key_or_404

READ, WRITE = "connections:read", "connections:write"


class ConnectionView(AgentView):
    """What is done to one connection of the caller's workspace."""

    def mine(self) -> QuerySet[Connection]:
        """Return the connections of the workspace, with where their polling stands."""
        rows = Connection.objects.filter(workspace_id=self.identity.workspace_id)
        return rows.select_related("poll", "workspace")

    def one(self, connection_id: str) -> Connection:
        connection = self.mine().filter(pk=key_or_404("con", connection_id)).first()
        if connection is None:
            raise NotFound()
        return connection

    def shown(self, connection_id: str, *, status: int = 200) -> Response:
        """Return the response that shows one connection."""
        (content,) = connections_json([self.one(connection_id)], now=database_now())
        return Response(content, status=status)


class Connections(ConnectionView):
    scopes = {"GET": READ}

    @call(
        "list_connections",
        scope=READ,
        returns=schema.ConnectionPage,
        params=schema.CONNECTION_PARAMS,
    )
    def get(self, request: Request) -> Response:
        """List connections to systems of record, newest first."""
        page, next_cursor = page_of(self.mine(), request.query_params)
        data = connections_json(page, now=database_now())
        return Response({"data": data, "next_cursor": next_cursor})


class OneConnection(ConnectionView):
    scopes = {"GET": READ}

    @call("get_connection", scope=READ, returns=schema.Connection)
    def get(self, request: Request, connection_id: str) -> Response:
        """Read a connection: its settings, how it stands, and how many records it has."""
        return self.shown(connection_id)


class TestConnection(ConnectionView):
    scopes = {"POST": WRITE}

    @call(
        "test_connection",
        scope=WRITE,
        body=bodies.EmptyBody,
        returns=schema.ConnectionTest,
        refuses=("connection_not_polled",),
    )
    @idempotent_read
    def post(self, request: Request, connection_id: str) -> Response:
        """Try the account and a short list. Nothing is written, here or there."""
        self.body(bodies.EmptyBody)
        return Response(test_json(trying.test(self.one(connection_id))))


class DryRun(ConnectionView):
    scopes = {"POST": WRITE}

    @call(
        "dry_run_connection",
        scope=WRITE,
        body=bodies.DryRunBody,
        returns=schema.DryRun,
        refuses=("connection_not_polled", "system_failed"),
    )
    @idempotent_read
    def post(self, request: Request, connection_id: str) -> Response:
        """Tell what a poll would do: at most 500 approvals, or what 20 seconds show.

        Nothing is written, here or there. `from_start` reads from the start, and not from where the
        last poll was.
        """
        options = self.body(bodies.DryRunBody)
        found = dry_run.dry_run(self.one(connection_id), from_start=options["from_start"])
        return Response(dry_run.dry_run_json(found))


class PollConnection(ConnectionView):
    scopes = {"POST": WRITE}

    @call(
        "poll_connection",
        scope=WRITE,
        body=bodies.EmptyBody,
        returns={202: schema.Connection},
        refuses=("connection_not_polled", "connection_paused", "connection_disabled"),
    )
    @idempotent
    def post(self, request: Request, connection_id: str) -> Response:
        """Let the system be asked at once what is new."""
        self.body(bodies.EmptyBody)
        operating.poll_now(self.one(connection_id), actor=self.identity.actor)
        return self.shown(connection_id, status=202)


class Records(AgentView):
    scopes = {"GET": READ}

    @call("list_records", scope=READ, returns=schema.RecordPage, params=schema.RECORD_PARAMS)
    def get(self, request: Request) -> Response:
        """List mirrored approvals, newest first."""
        rows = Record.objects.filter(connection__workspace=self.identity.workspace_id)
        related = rows.select_related("connection", "track", "ask").prefetch_related("pushes")
        page, next_cursor = page_of(_filtered(related, request.query_params), request.query_params)
        return Response({"data": [record_json(each) for each in page], "next_cursor": next_cursor})


def _filtered(rows: QuerySet[Record], params: Mapping[str, str]) -> QuerySet[Record]:
    status = choice_param(params, "status", among=Record.Status.values)
    if status is not None:
        rows = rows.filter(status=status)
    if "external_id" in params:
        rows = rows.filter(external_id=params["external_id"])
    if "connection" not in params:
        return rows
    pk = parse_public_id("con", params["connection"])
    return rows.filter(connection=pk) if pk else rows.none()
