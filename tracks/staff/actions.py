"""Actions with a reason: a page that says what will happen, and a button that makes it so.

    cancel = reasoned_action(
        label="Cancel",
        permission="approvals.cancel_ask",
        says="The question is withdrawn; its answer can no longer be given.",
        act=staff_cancel,
    )
    actions_detail = ("cancel",)

`act(row, actor=…, reason=…, **other fields of the form)` is a transition of the row's layer, or
calls one: it records who did it and why. What it returns is shown; what it refuses, too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action
from unfold.enums import ActionVariant

from config.errors import DomainError
from tracks.staff.forms import ReasonForm
from tracks.staff.reach import actor_of


@dataclass(frozen=True, slots=True)
class ShownOnce:
    """A secret that was just made: it is on the page that answers, and nowhere else."""

    label: str
    secret: str
    note: str = ""


Act = Callable[..., str | ShownOnce | None]


def reasoned_action(
    *,
    label: str,
    permission: str,
    says: str | Callable[[Any], str],
    act: Act,
    form: type[Form] = ReasonForm,
    fits: Callable[[Any], bool] | None = None,
    icon: str | None = None,
    is_dangerous: bool = False,
) -> Any:
    """Return a method of a StaffAdmin for `actions_detail` or `actions_row`.

    `fits` tells for which rows the button is shown; `act` refuses the others all the same.
    A form whose constructor takes `row` gets it: declare `wants_row = True`. One that keeps from
    where it was sent declares `wants_request = True`.
    """

    def page(pages: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        if not request.user.has_perm(permission):
            raise PermissionDenied
        row = pages.get_object(request, unquote(object_id))
        if row is None or not pages.has_view_permission(request, row):
            raise Http404
        if not pages.may_act_on(request, row):
            raise PermissionDenied
        options = {"row": row} if getattr(form, "wants_row", False) else {}
        if getattr(form, "wants_request", False):
            options["request"] = request
        filled = form(request.POST if request.method == "POST" else None, **options)
        status = 200
        if request.method == "POST" and filled.is_valid():
            try:
                outcome = act(row, actor=actor_of(request.user), **filled.cleaned_data)
            except DomainError as refusal:
                filled.add_error(None, refusal.detail)
                status = refusal.status
            else:
                return _done(pages, request, row, label=label, outcome=outcome)
        context = {
            **_context(pages, request, row, title=label),
            "form": filled,
            "says": says if isinstance(says, str) else says(row),
            "is_dangerous": is_dangerous,
        }
        return TemplateResponse(request, "admin/reasoned_action.html", context, status=status)

    variant = ActionVariant.DANGER if is_dangerous else ActionVariant.DEFAULT
    method = action(page, description=label, icon=icon, variant=variant)
    # Not unfold's own `permissions`: its system check would look for them in the database, in
    # which `migrate` has not made them yet.
    method.needs, method.fits = permission, fits
    return method


def is_allowed(shown: Any, user: Any) -> bool:
    """Tell whether a user may press the button of an action."""
    needs: str | None = getattr(shown.method, "needs", None)
    return needs is None or bool(user.has_perm(needs))


def fits_of(shown: Any) -> Callable[[Any], bool] | None:
    """Return what tells for which rows an action makes sense; None: for all."""
    fits: Callable[[Any], bool] | None = getattr(shown.method, "fits", None)
    return fits


def _done(
    pages: Any, request: HttpRequest, row: Any, *, label: str, outcome: str | ShownOnce | None
) -> HttpResponse:
    if isinstance(outcome, ShownOnce):
        return secret_page(pages, request, row, outcome)
    messages.success(request, outcome or f"{label}: done.")
    return HttpResponseRedirect(_address_of(pages, row))


def secret_page(pages: Any, request: HttpRequest, row: Any, shown: ShownOnce) -> HttpResponse:
    """Return the page that shows a secret, this once."""
    context = {**_context(pages, request, row, title=shown.label), "shown": shown}
    return TemplateResponse(request, "admin/shown_once.html", context)


def _context(pages: Any, request: HttpRequest, row: Any, *, title: str) -> dict[str, Any]:
    return {
        **pages.admin_site.each_context(request),
        "opts": pages.opts,
        "media": pages.media,
        "original": row,
        "title": title,
        "back": _address_of(pages, row),
    }


def _address_of(pages: Any, row: Any) -> str:
    name = f"{pages.admin_site.name}:{pages.opts.app_label}_{pages.opts.model_name}_change"
    return reverse(name, args=(row.pk,))
