"""Pages of the mailbox: the list, one message, its HTML in a sandbox, and all of it as JSON."""

from typing import Any

from csp.decorators import csp, csp_update
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from config.mailbox.models import Message
from tracks.clock import rfc3339

SHOWN = 200
# A mail runs no script and loads nothing. Its links open in a tab of their own, which is no longer
# in the sandbox, so that they work as they do from a mail program.
_SANDBOX = ["allow-popups", "allow-popups-to-escape-sandbox"]
_MAIL_POLICY = {
    "default-src": ["'none'"],
    "style-src": ["'unsafe-inline'"],
    "img-src": ["data:"],
    "frame-ancestors": ["'self'"],
    "sandbox": _SANDBOX,
}


@require_safe
def messages(request: HttpRequest) -> HttpResponse:
    """List the mail, newest first."""
    return render(request, "mailbox/messages.html", {"messages": Message.objects.all()[:SHOWN]})


@require_safe
@csp_update({"frame-src": ["'self'"]})  # type: ignore[arg-type]  # it forgets views with arguments
def message(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one mail: its HTML in a sandbox, its text, its headers."""
    return render(request, "mailbox/message.html", {"mail": get_object_or_404(Message, pk=pk)})


@require_safe
@csp(_MAIL_POLICY)  # type: ignore[arg-type]
def message_html(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the HTML of one mail as it is, for the sandbox."""
    # At the end, where a browser honours it as well: before the doctype it would spoil the layout.
    html = get_object_or_404(Message, pk=pk).html + '<base target="_blank">'
    return HttpResponse(html, headers={"X-Frame-Options": "SAMEORIGIN"})


@require_safe
def messages_json(request: HttpRequest) -> JsonResponse:
    """List the mail for scripts, newest first."""
    return JsonResponse([_as_json(mail) for mail in Message.objects.all()], safe=False)


def _as_json(mail: Message) -> dict[str, Any]:
    return {
        "id": str(mail.pk),
        "to": mail.to,
        "from": mail.sender,
        "subject": mail.subject,
        "text": mail.text,
        "html": mail.html,
        "headers": mail.headers,
        "at": rfc3339(mail.at),
    }
