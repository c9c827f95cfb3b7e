"""Every address that Django answers."""

from csp.decorators import csp
from django.conf import settings
from django.contrib import admin
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

import approvals.api
import mirroring.api
import tracks.api
import webhooks.api
import webhooks.inbound
from approvals import away, batch, pages, passing_on, queue_views, stop_pages
from approvals.demo import pages as landing
from config import health
from tracks.staff import second_factor
from tracks.views import UnknownApiPath

V1 = "api/v1/"
TRACK = f"{V1}tracks/<str:track_id>"
ASK = f"{V1}asks/<str:ask_id>"
CONNECTION = f"{V1}connections/<str:connection_id>"
ENDPOINT = f"{V1}webhook-endpoints/<str:endpoint_id>"

agent_api = [
    path(f"{V1}tracks", tracks.api.Tracks.as_view()),
    path(TRACK, tracks.api.OneTrack.as_view()),
    path(f"{TRACK}/steps/<str:index>/start", tracks.api.StartStep.as_view()),
    path(f"{TRACK}/steps/<str:index>/complete", tracks.api.CompleteStep.as_view()),
    path(f"{TRACK}/steps/<str:index>/fail", tracks.api.FailStep.as_view()),
    path(f"{TRACK}/actions", tracks.api.Actions.as_view()),
    path(f"{TRACK}/complete", tracks.api.CompleteTrack.as_view()),
    path(f"{TRACK}/fail", tracks.api.FailTrack.as_view()),
    path(f"{TRACK}/events", tracks.api.Feed.as_view()),
    path(f"{TRACK}/asks", approvals.api.OpenAsk.as_view()),
    path(f"{V1}asks", approvals.api.Asks.as_view()),
    path(ASK, approvals.api.OneAsk.as_view()),
    path(f"{ASK}/cancel", approvals.api.CancelAsk.as_view()),
    path(f"{V1}queue", approvals.api.Queue.as_view()),
    path(f"{V1}usage", approvals.api.Usage.as_view()),
    path(f"{ASK}/receipt", approvals.api.Receipt.as_view()),
    path(f"{V1}connections", mirroring.api.Connections.as_view()),
    path(CONNECTION, mirroring.api.OneConnection.as_view()),
    path(f"{CONNECTION}/test", mirroring.api.TestConnection.as_view()),
    path(f"{CONNECTION}/dry-run", mirroring.api.DryRun.as_view()),
    path(f"{CONNECTION}/poll", mirroring.api.PollConnection.as_view()),
    path(f"{V1}records", mirroring.api.Records.as_view()),
    path(f"{V1}webhook-endpoints", webhooks.api.Endpoints.as_view()),
    path(ENDPOINT, webhooks.api.OneEndpoint.as_view()),
    path(f"{ENDPOINT}/test", webhooks.api.TestEndpoint.as_view()),
    path(f"{ENDPOINT}/rotate-secret", webhooks.api.RotateSecret.as_view()),
    path(f"{ENDPOINT}/recover", webhooks.api.Recover.as_view()),
    path(f"{ENDPOINT}/deliveries", webhooks.api.Deliveries.as_view()),
    path(f"{V1}deliveries/<str:delivery_id>/replay", webhooks.api.Replay.as_view()),
    path(f"{V1}schema/", SpectacularAPIView.as_view(), name="schema"),
    re_path(r"^api/v1(/.*)?$", UnknownApiPath.as_view()),
]

approver_pages = [
    path("t/<str:slug>", pages.track, name="track"),
    path("t/<str:slug>/unlock", pages.unlock, name="unlock"),
    path("t/<str:slug>/verify", pages.verify, name="verify"),
    path("t/<str:slug>/code", pages.code, name="code"),
    path("t/<str:slug>/asks/<str:ask_id>/answer", pages.answer, name="answer"),
    path("t/<str:slug>/asks/<str:ask_id>/receipt", pages.receipt, name="receipt"),
    path("t/<str:slug>/asks/<str:ask_id>/receipt.json", pages.receipt_json, name="receipt_json"),
    path("t/<str:slug>/asks/<str:ask_id>/hand-over", passing_on.hand_over, name="hand_over"),
    path("t/<str:slug>/asks/<str:ask_id>/not-me", passing_on.not_me, name="not_me"),
    path("queue/", queue_views.queue, name="queue"),
    path("queue/sign-in", queue_views.sign_in, name="queue_sign_in"),
    path("queue/code", queue_views.code, name="queue_code"),
    path("queue/sign-out", queue_views.sign_out, name="queue_sign_out"),
    path("queue/batch", batch.batch, name="queue_batch"),
    path("queue/away", away.away, name="queue_away"),
    path("v/", pages.pending_link, name="pending_link"),
    path("v/<str:token>", pages.link, name="link"),
    path("stop/<str:token>", stop_pages.stop, name="stop"),
]

landing_pages = [
    path("", landing.home, name="home"),
    path("demo/<str:slug>", landing.demo, name="demo"),
    path("demo/<str:slug>/receipt/<str:ask_id>.json", landing.receipt_json),
    path("demo/<str:slug>/receipt/<str:ask_id>", landing.receipt),
]

urlpatterns = [
    *landing_pages,
    *approver_pages,
    *agent_api,
    path(
        "api/docs/",
        csp(settings.REFERENCE_CONTENT_SECURITY_POLICY)(
            SpectacularSwaggerView.as_view(url_name="schema")
        ),
        name="reference",
    ),
    path("webhooks/<str:connection_id>", webhooks.inbound.ReceiveHook.as_view()),
    path("admin/second-factor/", second_factor.enter, name="second_factor"),
    path("admin/second-factor/set-up/", second_factor.set_up, name="second_factor_set_up"),
    path("admin/second-factor/codes/", second_factor.new_codes, name="second_factor_codes"),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    path(".well-known/sayso-receipt-keys.json", pages.receipt_keys),
]
if settings.ANYMAIL_WEBHOOK_SECRET:  # without one, anybody could say that a mail came back
    urlpatterns.append(path("anymail/", include("approvals.bounce_urls")))
if settings.EMBEDDED:
    urlpatterns.append(path("mailbox/", include("config.mailbox.urls")))

handler400 = "approvals.pages.bad_request"
handler403 = "approvals.pages.forbidden"
handler404 = "approvals.pages.not_found"
handler500 = "approvals.pages.server_error"
