"""The agent API of webhook endpoints: parse, call one transition, render."""

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from config.errors import NotFound
from config.paging import page_of
from config.params import choice_param
from tracks.idempotency import idempotent, idempotent_with_secret
from tracks.schema import call
from tracks.views import AgentView, key_or_404
from webhooks import bodies, schema, transitions
from webhooks.models import Delivery, Endpoint
from webhooks.serializers import delivery_json, endpoint_json, endpoint_with_secret

READ, WRITE = "webhooks:read", "webhooks:write"


class EndpointView(AgentView):
    """What is done to one endpoint of the caller's workspace."""

    def mine(self) -> QuerySet[Endpoint]:
        """Return the endpoints of the workspace."""
        endpoints = Endpoint.objects.of(self.identity.workspace_id)
        return endpoints.prefetch_related("signing_keys")

    def one(self, endpoint_id: str) -> Endpoint:
        endpoint = self.mine().filter(pk=key_or_404("whe", endpoint_id)).first()
        if endpoint is None:
            raise NotFound()
        return endpoint

    def locate(self, endpoint_id: str) -> dict[str, Any]:
        """Return what every transition needs to find the endpoint and to say who acts."""
        return {
            "endpoint_id": key_or_404("whe", endpoint_id),
            "workspace_id": self.identity.workspace_id,
            "actor": self.identity.actor,
        }


class Endpoints(EndpointView):
    scopes = {"GET": READ, "POST": WRITE}

    @call(
        "list_webhook_endpoints",
        scope=READ,
        returns=schema.WebhookEndpointPage,
        params=schema.ENDPOINT_PARAMS,
    )
    def get(self, request: Request) -> Response:
        """List webhook endpoints, newest first."""
        page, next_cursor = page_of(self.mine(), request.query_params)
        return Response(
            {"data": [endpoint_json(each) for each in page], "next_cursor": next_cursor}
        )

    @call(
        "create_webhook_endpoint",
        scope=WRITE,
        body=bodies.EndpointBody,
        returns={201: schema.WebhookEndpointWithSecret},
        refuses=("endpoint_url_refused", "endpoint_limit"),
    )
    @idempotent_with_secret
    def post(self, request: Request) -> Response:
        """Add an endpoint. The secret in the response is shown this once."""
        fields = self.body(bodies.EndpointBody)
        fields["scheme"] = fields.pop("signing")
        endpoint, key = transitions.create_endpoint(
            workspace_id=self.identity.workspace_id, fields=fields, actor=self.identity.actor
        )
        return Response(endpoint_with_secret(endpoint, key), status=201)


class OneEndpoint(EndpointView):
    http_method_names = (*AgentView.http_method_names, "delete")
    scopes = {"GET": READ, "PATCH": WRITE, "DELETE": WRITE}

    @call("get_webhook_endpoint", scope=READ, returns=schema.WebhookEndpoint)
    def get(self, request: Request, endpoint_id: str) -> Response:
        """Read an endpoint. Its secret cannot be read again."""
        return Response(endpoint_json(self.one(endpoint_id)))

    @call(
        "update_webhook_endpoint",
        scope=WRITE,
        body=bodies.EndpointChange,
        returns=schema.WebhookEndpoint,
        refuses=("endpoint_url_refused",),
    )
    def patch(self, request: Request, endpoint_id: str) -> Response:
        """Change an endpoint. Switching it off skips what is on its way."""
        changes = self.body(bodies.EndpointChange)
        transitions.update_endpoint(changes=changes, **self.locate(endpoint_id))
        return Response(endpoint_json(self.one(endpoint_id)))

    @call("delete_webhook_endpoint", scope=WRITE, returns=schema.NO_CONTENT)
    def delete(self, request: Request, endpoint_id: str) -> Response:
        """Remove an endpoint. Nothing is sent to it any more."""
        transitions.delete_endpoint(**self.locate(endpoint_id))
        return Response(status=204)


class TestEndpoint(EndpointView):
    scopes = {"POST": WRITE}

    @call("test_webhook_endpoint", scope=WRITE, body=bodies.NoBody, returns={202: schema.Delivery})
    @idempotent
    def post(self, request: Request, endpoint_id: str) -> Response:
        """Send a `webhook.test` to an endpoint, whatever types it listens to."""
        self.body(bodies.NoBody)
        delivery = transitions.send_test(**self.locate(endpoint_id))
        return Response(delivery_json(delivery), status=202)


class RotateSecret(EndpointView):
    scopes = {"POST": WRITE}

    @call(
        "rotate_webhook_secret",
        scope=WRITE,
        body=bodies.RotateBody,
        returns=schema.WebhookEndpointWithSecret,
        refuses=("rotation_in_progress",),
    )
    @idempotent_with_secret
    def post(self, request: Request, endpoint_id: str) -> Response:
        """Sign with a new secret; during the overlap the one before signs, too."""
        body = self.body(bodies.RotateBody)
        _, key = transitions.rotate_key(
            overlap=timedelta(seconds=body["overlap_seconds"]),
            force=body["force"],
            **self.locate(endpoint_id),
        )
        return Response(endpoint_with_secret(self.one(endpoint_id), key))


class Deliveries(EndpointView):
    scopes = {"GET": READ}

    @call("list_deliveries", scope=READ, returns=schema.DeliveryPage, params=schema.DELIVERY_PARAMS)
    def get(self, request: Request, endpoint_id: str) -> Response:
        """List what was sent to an endpoint, or will be, newest first."""
        deliveries = self.one(endpoint_id).deliveries.prefetch_related("tried")
        status = choice_param(request.query_params, "status", among=Delivery.Status.values)
        if status is not None:
            deliveries = deliveries.filter(status=status)
        page, next_cursor = page_of(deliveries, request.query_params)
        return Response(
            {"data": [delivery_json(each) for each in page], "next_cursor": next_cursor}
        )


class Recover(EndpointView):
    scopes = {"POST": WRITE}

    @call(
        "recover_deliveries", scope=WRITE, body=bodies.RecoverBody, returns={202: schema.Recovered}
    )
    @idempotent
    def post(self, request: Request, endpoint_id: str) -> Response:
        """Send again whatever has not arrived since a moment."""
        since = self.body(bodies.RecoverBody)["since"]
        count = transitions.recover(since=since, **self.locate(endpoint_id))
        return Response({"deliveries": count}, status=202)


class Replay(AgentView):
    scopes = {"POST": WRITE}

    @call("replay_delivery", scope=WRITE, body=bodies.NoBody, returns={202: schema.Delivery})
    @idempotent
    def post(self, request: Request, delivery_id: str) -> Response:
        """Send one message again under its own `webhook-id`, whatever came of it before."""
        self.body(bodies.NoBody)
        delivery = transitions.replay(
            delivery_id=key_or_404("dlv", delivery_id),
            workspace_id=self.identity.workspace_id,
            actor=self.identity.actor,
        )
        return Response(delivery_json(delivery), status=202)
