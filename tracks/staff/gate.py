"""No page of the admin before the second factor, for those who have one or must."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from tracks.models import Authenticator
from tracks.staff.reach import workspaces_of

ADMIN = "/admin/"
# Signing in and out, and the pages of the second factor itself.
_OPEN = tuple(f"{ADMIN}{name}/" for name in ("login", "logout", "jsi18n", "second-factor"))


def second_factor_gate(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Lead whoever lacks their second factor to where it is entered, or set up."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path.startswith(ADMIN) and not request.path.startswith(_OPEN):
            page = lacking(request.user)
            if page:
                return HttpResponseRedirect(reverse(page, query={"next": request.path}))
        return get_response(request)

    return middleware


def lacking(user: Any) -> str | None:
    """Return the page that a user must pass first; None if nothing is lacking."""
    if not (user.is_authenticated and user.is_staff) or user.is_verified():
        return None
    if Authenticator.objects.filter(user=user.pk).exists():
        return "second_factor"
    must = workspaces_of(user).filter(requires_totp=True).exists()
    return "second_factor_set_up" if must else None
