"""The agent API of asks: parse, call one transition, render."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from approvals import receipts, schema, transitions, usage
from approvals.bodies import AskBody, CancelBody
from approvals.models import Ask
from approvals.opening import NewAsk
from approvals.queue import queue_json
from approvals.serializers import ask_json
from approvals.wait import read_ask
from config.errors import Invalid
from config.paging import page_of
from config.params import choice_param, whole_param
from tracks.addresses import NotAnAddress, canonical_address
from tracks.api import LONGEST_WAIT, TrackView
from tracks.idempotency import idempotent
from tracks.ids import parse_public_id
from tracks.models import Workspace
from tracks.schema import call
from tracks.views import AgentView, key_or_404


class OpenAsk(TrackView):
    scopes = {"POST": "asks:write"}

    @call(
        "open_ask",
        scope="asks:write",
        body=schema.AskRequest,
        returns={201: schema.Ask, 200: schema.Ask},
        refuses=(
            "requires_customer_email",
            "already_awaiting",
            "track_closed",
            "self_approval",
            "monthly_ask_limit_reached",
        ),
    )
    @idempotent
    def post(self, request: Request, track_id: str) -> Response:
        """Put a question on a track. The same `key` and content returns the existing ask."""
        ask, created = transitions.open_ask(
            new=NewAsk(**self.body(AskBody)),
            asked_by_key=self.identity.key_id,
            **self.locate(track_id),
        )
        body = read_ask(ask.pk, self.identity.workspace_id)
        return Response(body, status=201 if created else 200)


class Asks(AgentView):
    scopes = {"GET": "asks:read"}

    @call("list_asks", scope="asks:read", returns=schema.AskPage, params=schema.ASK_FILTERS)
    def get(self, request: Request) -> Response:
        """List asks, newest first."""
        params = request.query_params
        asks = Ask.objects.filter(workspace_id=self.identity.workspace_id).presented()
        page, next_cursor = page_of(_filtered(asks, params).with_everything(), params)
        return Response({"data": [ask_json(ask) for ask in page], "next_cursor": next_cursor})


def _filtered(asks: Any, params: Any) -> Any:
    if status := choice_param(params, "status", among=Ask.Status.values):
        asks = asks.shown_as(status)
    if kind := choice_param(params, "kind", among=Ask.Kind.values):
        asks = asks.filter(kind=kind)
    if risk := choice_param(params, "risk", among=Ask.Risk.values):
        asks = asks.filter(risk=risk)
    if "track" in params:
        asks = asks.filter(track_id=parse_public_id("trk", params["track"]))
    if "approver" in params:
        asks = asks.filter(holders__approver__canonical=_canonical(params["approver"]))
    return asks


def _canonical(text: str) -> str:
    try:
        return canonical_address(text)
    except NotAnAddress as error:
        raise Invalid.field("approver", str(error)) from None


class OneAsk(AgentView):
    scopes = {"GET": "asks:read"}

    @call("get_ask", scope="asks:read", returns=schema.Ask, params=schema.ASK_WAIT)
    def get(self, request: Request, ask_id: str) -> Response:
        """Read an ask. With `wait`, answer as soon as it closes or the seconds have passed."""
        whole_param(request.query_params, "wait", lowest=0, highest=LONGEST_WAIT, default=0)
        return Response(read_ask(key_or_404("ask", ask_id), self.identity.workspace_id))


class CancelAsk(AgentView):
    scopes = {"POST": "asks:write"}

    @call(
        "cancel_ask",
        scope="asks:write",
        body=CancelBody,
        returns=schema.Ask,
        refuses=("ask_not_open",),
    )
    @idempotent
    def post(self, request: Request, ask_id: str) -> Response:
        """Withdraw an open ask. Cancelling a cancelled one changes nothing."""
        ask = transitions.cancel_ask(
            ask_id=key_or_404("ask", ask_id),
            workspace_id=self.identity.workspace_id,
            reason=self.body(CancelBody)["reason"],
            actor=self.identity.actor,
        )
        return Response(read_ask(ask.pk, self.identity.workspace_id))


class Receipt(AgentView):
    scopes = {"GET": "audit:read"}

    @call("get_receipt", scope="audit:read", returns=schema.Receipt)
    def get(self, request: Request, ask_id: str) -> Response:
        """Read the signed receipt of an answered ask."""
        return Response(
            receipts.of_ask(key_or_404("ask", ask_id), workspace_id=self.identity.workspace_id)
        )


class Queue(AgentView):
    scopes = {"GET": "asks:read"}

    @call("get_queue", scope="asks:read", returns=schema.Queue, params=schema.QUEUE_PARAMS)
    def get(self, request: Request) -> Response:
        """Say what still waits for an approver: overdue first, then by `due_at`, then oldest."""
        address = request.query_params.get("approver", "")
        canonical = _canonical(address)
        return Response(queue_json(address, canonical, workspace_id=self.identity.workspace_id))


class Usage(AgentView):
    scopes = {"GET": "asks:read"}

    @call("get_usage", scope="asks:read", returns=schema.Usage)
    def get(self, request: Request) -> Response:
        """Say how many asks were opened this month, and how many the plan has."""
        workspace = Workspace.objects.get(pk=self.identity.workspace_id)
        return Response(usage.usage_of(workspace))
