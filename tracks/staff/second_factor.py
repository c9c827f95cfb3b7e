"""The pages on which staff set their second factor up, and enter it."""

import secrets
from base64 import b32encode
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import django_otp
import segno
from cryptography.fernet import InvalidToken
from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import mark_safe
from django.views.decorators.debug import sensitive_post_parameters
from unfold.widgets import UnfoldAdminTextInputWidget

from config.crypto import decrypt, encrypt
from tracks.clock import database_now
from tracks.models import Authenticator
from tracks.models.second_factor import step_of
from tracks.people import keep_authenticator, renew_recovery_codes
from tracks.staff.gate import ADMIN
from tracks.staff.reach import actor_of

KEY_BYTES = 20
SET_UP_WITHIN = timedelta(minutes=30)
_CODE = {"autocomplete": "one-time-code", "autofocus": "", "spellcheck": "false"}


class CodeForm(forms.Form):
    code = forms.CharField(
        label="Code",
        max_length=40,
        widget=UnfoldAdminTextInputWidget(attrs=_CODE),
        help_text="The six digits of your authenticator app, or one of your recovery codes.",
    )


class SetUpForm(forms.Form):
    """Carries the new key, which is kept nowhere until a code proves that the app has it."""

    sealed = forms.CharField(widget=forms.HiddenInput)
    code = forms.CharField(
        label="Code",
        max_length=10,
        widget=UnfoldAdminTextInputWidget(attrs=_CODE | {"inputmode": "numeric"}),
        help_text="The six digits that the app shows now.",
    )


@sensitive_post_parameters("code")
def _enter(request: HttpRequest) -> HttpResponse:
    device = Authenticator.objects.filter(user=request.user.pk).first()
    if device is None:
        return HttpResponseRedirect(reverse("second_factor_set_up"))
    form = CodeForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        found = django_otp.verify_token(
            request.user, device.persistent_id, form.cleaned_data["code"]
        )
        if found is not None:
            return _pass(request, found)
        form.add_error("code", _why(device))
    return _page(request, "admin/second_factor.html", title="Second factor", form=form)


def _why(device: Authenticator) -> str:
    device.refresh_from_db()
    allowed, why = device.verify_is_allowed()
    if allowed or why is None:
        return "This code is not right, or was used before."
    seconds = max(1, int((why["locked_until"] - database_now()).total_seconds()) + 1)
    wait = f"{seconds} second{'' if seconds == 1 else 's'}"
    return f"This code was not taken. Wait {wait} before the next try."


@sensitive_post_parameters("code", "sealed")
def _set_up(request: HttpRequest) -> HttpResponse:
    has_one = Authenticator.objects.filter(user=request.user.pk).exists()
    if has_one and not request.user.is_verified():  # type: ignore[union-attr]  # OTPMiddleware
        return HttpResponseRedirect(reverse("second_factor"))
    form = SetUpForm(request.POST if request.method == "POST" else None)
    key = _opened(request, form.data.get("sealed", "")) if form.is_bound else None
    if form.is_valid() and key is not None:
        step = step_of(key, form.cleaned_data["code"].replace(" ", ""))
        if step is not None:
            return _kept(request, key=key, step=step)
        form.add_error("code", "This code is not right. Is the clock of your phone right?")
    if key is None:
        key = secrets.token_hex(KEY_BYTES)
        form = SetUpForm(initial={"sealed": _sealed(request, key)})
    return _page(
        request,
        "admin/second_factor_set_up.html",
        title="Set up a second factor",
        form=form,
        has_one=has_one,
        address=_address(request, key),
        secret=_base32(key),
        picture=_picture(_address(request, key)),
    )


def _kept(request: HttpRequest, *, key: str, step: int) -> HttpResponse:
    actor = actor_of(request.user)
    device, codes = keep_authenticator(request.user, key=key, step=step, actor=actor)
    _bind(request, device)
    return _codes_page(request, codes)


def _new_codes(request: HttpRequest) -> HttpResponse:
    if not request.user.is_verified():  # type: ignore[union-attr]  # OTPMiddleware
        return HttpResponseRedirect(reverse("second_factor"))
    if request.method != "POST":
        return HttpResponseRedirect(reverse("second_factor_set_up"))
    codes = renew_recovery_codes(request.user, actor=actor_of(request.user))
    return _codes_page(request, codes)


def _codes_page(request: HttpRequest, codes: list[str]) -> HttpResponse:
    page = "admin/recovery_codes.html"
    return _page(request, page, title="Recovery codes", codes=codes, next=_next(request))


# Whoever is signed in as staff may come here; the gate leaves these pages open.
enter = admin.site.admin_view(_enter)
set_up = admin.site.admin_view(_set_up)
new_codes = admin.site.admin_view(_new_codes)


def _pass(request: HttpRequest, device: Authenticator) -> HttpResponse:
    _bind(request, device)
    left = device.recovery_codes.count()
    if left < 3:
        messages.warning(request, f"You have {left} recovery codes left: make new ones.")
    return HttpResponseRedirect(_next(request))


def _bind(request: HttpRequest, device: Authenticator) -> None:
    request.session.cycle_key()
    django_otp.login(request, device)


def _next(request: HttpRequest) -> str:
    wanted = request.GET.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if is_ours and wanted.startswith(ADMIN) else ADMIN


def _page(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    return TemplateResponse(request, template, admin.site.each_context(request) | context)


def _sealed(request: HttpRequest, key: str) -> str:
    until = database_now() + SET_UP_WITHIN
    return encrypt(f"{request.user.pk} {until.timestamp():.0f} {key}")


def _opened(request: HttpRequest, sealed: str) -> str | None:
    """Return the key that a form carries, if we sealed it for this user a moment ago."""
    try:
        user, until, key = decrypt(sealed).split(" ")
    except (InvalidToken, ValueError):
        return None
    is_theirs = user == str(request.user.pk)
    return key if is_theirs and database_now().timestamp() < int(until) else None


def _base32(key: str) -> str:
    return b32encode(bytes.fromhex(key)).decode()


def _address(request: HttpRequest, key: str) -> str:
    name = quote(f"Sayso:{request.user.get_username()}")
    return f"otpauth://totp/{name}?secret={_base32(key)}&issuer=Sayso"


def _picture(address: str) -> str:
    # Drawn by us from a key of ours: a path, and nothing that anybody typed.
    drawn = segno.make(address, error="m").svg_inline(scale=5, border=4, light="white")
    return mark_safe(drawn)  # noqa: S308
