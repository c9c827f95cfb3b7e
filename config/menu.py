"""The menu of the admin: what staff look for, under the name they have for it."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse_lazy


def _page(title: str, model: str, icon: str) -> dict[str, Any]:
    app, name = model.split(".")

    def may_see(request: HttpRequest) -> bool:
        return request.user.has_perm(f"{app}.view_{name}")

    link = reverse_lazy(f"admin:{app}_{name}_changelist")
    return {"title": title, "link": link, "icon": icon, "permission": may_see}


def _group(title: str, *pages: dict[str, Any]) -> dict[str, Any]:
    return {"title": title, "separator": True, "items": list(pages)}


MENU = [
    {
        "items": [{"title": "Home", "link": reverse_lazy("admin:index"), "icon": "home"}],
    },
    _group(
        "Requests",
        _page("Tracks", "tracks.track", "route"),
        _page("Asks", "approvals.ask", "approval"),
        _page("Approvers", "approvals.approver", "group"),
        _page("Mails", "approvals.notification", "mail"),
        _page("Slack", "approvals.slackchannel", "forum"),
    ),
    _group(
        "Systems of record",
        _page("Connections", "mirroring.connection", "hub"),
        _page("Records", "mirroring.record", "description"),
        _page("Identities", "mirroring.identity", "person_search"),
        _page("Inbound hooks", "mirroring.inboundhook", "move_to_inbox"),
    ),
    _group(
        "Webhooks",
        _page("Endpoints", "webhooks.endpoint", "webhook"),
        _page("Deliveries", "webhooks.delivery", "outbox"),
        _page("Owner notices", "webhooks.ownernotice", "mail"),
    ),
    _group(
        "Administration",
        _page("Workspaces", "tracks.workspace", "apartment"),
        _page("People", "auth.user", "badge"),
        _page("API keys", "tracks.apikey", "key"),
        _page("Usage", "approvals.monthofasks", "data_usage"),
    ),
    _group(
        "Log",
        _page("Events", "tracks.event", "history"),
        _page("Log entries", "tracks.entry", "fact_check"),
        _page("To follow up", "tracks.dispatch", "pending_actions"),
    ),
]
