"""Trying out what was typed into a form, before anything of it is saved."""

from typing import Any

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.forms import BaseForm
from django.http import Http404, HttpRequest, HttpResponse

from config.errors import DomainError
from mirroring.connection_form import ConnectionForm
from mirroring.models import PUSH, Connection
from mirroring.staff.trials import shown_of
from mirroring.trying import test_typed

PRESSED = "_test"  # the name of the button
BUTTON = {"action_name": PRESSED, "description": "Test these settings"}


class ShownAgain(BaseForm):
    """Comes back as it was typed, however right it is: the admin saves none that is not valid."""

    def is_valid(self) -> bool:
        return False


class TriesSettings:
    """A ModelAdmin of connections whose forms have one more button."""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        """Ask the system before Django opens its transaction, and show the form with the answer."""
        found = self._try_out(request, object_id) if is_pressed(request) else {}
        pages: Any = super()
        response: HttpResponse = pages.changeform_view(
            request, object_id, form_url, {**(extra_context or {}), **found}
        )
        if "refusal" in found:
            response.status_code = found["refusal"].status
        return response

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **more: Any
    ) -> HttpResponse:
        """Draw the button beside the others, for whoever may save what can be asked."""
        if context["adminform"].form.kind != PUSH and self._may_save(request, more.get("obj")):
            context["actions_submit_line"] = [BUTTON]
        pages: Any = super()
        response: HttpResponse = pages.render_change_form(request, context, *args, **more)
        return response

    def as_pressed(self, request: HttpRequest, form: type[ConnectionForm]) -> type[ConnectionForm]:
        """Return a form that is not saved where that was not the button."""
        return type("TriedForm", (ShownAgain, form), {}) if is_pressed(request) else form

    def _may_save(self, request: HttpRequest, row: Connection | None) -> bool:
        pages: Any = self
        asks = pages.has_add_permission if row is None else pages.has_change_permission
        return bool(asks(request))

    def _try_out(self, request: HttpRequest, object_id: str | None) -> dict[str, Any]:
        """Return what the system says to what was typed. Whoever could not save it may not ask."""
        pages: Any = self
        row = None if object_id is None else pages.get_object(request, unquote(object_id))
        if object_id is not None and row is None:
            raise Http404
        if not self._may_save(request, row):
            raise PermissionDenied
        form = pages.get_form(request, row, change=row is not None)(request.POST, instance=row)
        if form.errors:
            return {"is_not_tried": True}
        try:
            found = test_typed(form)
        except DomainError as refusal:
            return {"refusal": refusal}
        return shown_of(found)


def is_pressed(request: HttpRequest) -> bool:
    """Tell whether what was typed is to be tried, and not to be saved."""
    return request.method == "POST" and PRESSED in request.POST
