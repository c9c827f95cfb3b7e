"""The front page and the demos. They read nothing but scripts and write nothing at all."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.gzip import gzip_page

from approvals.demo import script
from approvals.demo.film import Film, film_named, finished
from approvals.demo.screen import Screen
from approvals.refusal_pages import page
from config.errors import NotFound


# A page with all frames of a demo repeats itself a lot. It reflects nothing that anybody sends, so
# that compressing it gives nothing away (BREACH).
@gzip_page
@page("GET")
def home(request: HttpRequest) -> HttpResponse:
    """Say what this is, and show it."""
    return _show(request, "pages/home.html", script.NAMES[0])


@gzip_page
@page("GET")
def demo(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one demo."""
    return _show(request, "pages/demo.html", slug)


def _show(request: HttpRequest, template: str, name: str) -> HttpResponse:
    tabs = [script.script_named(each) for each in script.NAMES]
    return render(request, template, {"film": _film(name), "tabs": tabs})


def _film(name: str) -> Film:
    if name not in script.NAMES:
        raise NotFound()
    return film_named(name)


@page("GET")
def receipt(request: HttpRequest, slug: str, ask_id: str) -> HttpResponse:
    """Show the receipt of a demo's answer, for whoever follows the link to it."""
    screen = _answered(slug, ask_id)
    return render(request, "demo/receipt.html", {"script": screen.script, "html": screen.html()})


@page("GET")
def receipt_json(request: HttpRequest, slug: str, ask_id: str) -> HttpResponse:
    """Return the same as it is signed, with a key that proves nothing."""
    signed: dict[str, Any] = _answered(slug, ask_id).signed_receipt()
    return JsonResponse(signed, json_dumps_params={"ensure_ascii": False})


def _answered(name: str, ask_id: str) -> Screen:
    screen = finished(_film(name).script)
    if screen.ask is None or screen.ask.public_id != ask_id:
        raise NotFound()
    screen.receipt()
    return screen
