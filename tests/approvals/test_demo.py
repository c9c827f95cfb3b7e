"""The demos: rows that nobody saves, on the page that everybody sees."""

import json
import re
from datetime import timedelta
from html import unescape
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core import mail
from django.core.management import call_command
from django.test import Client
from django.utils.html import escape
from pytest_django import DjangoAssertNumQueries

from approvals import grants
from approvals.bodies import AskBody
from approvals.demo.film import film_named, finished
from approvals.demo.screen import SIGNER, Screen
from approvals.demo.script import COMMENT, NAMES, TYPED_WORDS, Script, script_named
from approvals.demo.seeding import Seeder, seed
from approvals.demo.stage import IP
from approvals.models import Ask, Grant, Notification
from approvals.opening import approver_at, display_of
from approvals.receipts import public_keys
from tests.conftest import Clock
from tracks import chain
from tracks.clock import database_now
from tracks.events import link_of
from tracks.models import Event, Track

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(params=NAMES)
def script(request: pytest.FixtureRequest) -> Script:
    return script_named(request.param)


# -- scripts ---------------------------------------------------------------------------------------


def test_a_story_is_in_order_and_lasts_about_twenty_seconds(script: Script) -> None:
    times = [each.at for each in script.story]
    assert times == sorted(times)
    assert times[0] == 0
    assert 18_000 <= times[-1] <= 21_000
    assert 0 < script.telling < times[-1]


def test_every_question_could_have_come_in_by_the_api(script: Script) -> None:
    ways = [operation for way in script.ways.values() for operation in way.operations]
    questions = [each.arguments for each in (*script.story, *ways) if each.verb == "open_ask"]
    assert questions
    for question in questions:
        body = AskBody(data=question)
        assert body.is_valid(), body.errors
        assert body.validated_data["config"] == question["config"]


def test_every_answer_on_the_card_leads_somewhere(script: Script) -> None:
    screen = Screen(script).play(script.waiting)
    card = screen.page().card
    assert card is not None
    ways = [value for value, way in script.ways.items() if not way.behind]
    assert [choice.value for choice in card.choices] == ways
    assert script.chosen in ways


# -- the film --------------------------------------------------------------------------------------


def test_a_film_needs_no_database(
    script: Script, db: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    film_named.cache_clear()
    with django_assert_num_queries(0):
        film_named(script.name)


def test_frames_come_when_the_script_says(script: Script) -> None:
    film = film_named(script.name)
    assert [frame.at for frame in film.story.frames] == sorted({each.at for each in script.story})
    assert [reel.name for reel in film.ways] == list(script.ways)
    for reel in film.reels:
        assert reel.frames[0].html


def test_a_film_is_the_same_each_time(script: Script) -> None:
    first = film_named(script.name)
    film_named.cache_clear()
    second = film_named(script.name)
    assert second is not first
    assert second == first


def test_what_the_visitor_writes_has_its_place(script: Script) -> None:
    film = film_named(script.name)
    for reel in film.ways:
        assert (
            f'class="said" dir="auto">{COMMENT}</dd>' in reel.frames[0].html or reel.name == "typed"
        )
    for still in film.stills:
        assert still.value != "typed" or TYPED_WORDS in still.html
        assert COMMENT in still.html


def test_the_card_shows_what_its_digest_covers(script: Script) -> None:
    _, [ask] = Screen(script).play(script.waiting).rows()
    assert ask.display_digest == display_of(ask, [script.approver]).digest()


def test_a_demo_has_a_whole_chain_and_a_signature_that_is_not_ours(script: Script) -> None:
    screen = finished(script)
    previous = "0" * 64
    for event in screen.events:
        assert (event.prev_hash, event.hash) == (previous, link_of(event).hash())
        assert event.data_commitment == chain.data_commitment(
            event.content.data, salt=event.content.salt
        )
        previous = event.hash
    signed = screen.signed_receipt()
    assert signed["receipt"]["answer"]["answered_by"] == script.approver
    assert signed["signature"]["value"] == SIGNER.sign(signed["receipt"])
    assert signed["signature"]["key_id"] not in [key["key_id"] for key in public_keys()]


# -- the film beside the real page ---------------------------------------------------------------


def essence(html: str) -> str:
    """Return a page's elements, classes and words: what is left when ids and marks are not."""
    html = html.split('<main id="main">')[-1].split('<div class="screen">')[-1]
    # In a demo there is nobody to pass a request on to.
    html = re.sub(r'<section class="ways-out".*?</section>', "", html, flags=re.S)
    html = re.sub(
        r"<(script|input|footer class=\"about\"|div|main)\b.*?>|</(div|main|body|html)>", "", html
    )
    html = re.sub(r"<(\w+)[^>]*?( class=\"[^\"]*\")?[^>]*>", r"<\1\2>", html)
    html = re.sub(r"Reference [0-9A-F-]{9}", "Reference", html).replace(" (demo)", "")
    return re.sub(r"\s+", " ", re.sub(r"\s*([<>])\s*", r"\1", html)).strip()


@pytest.mark.django_db
def test_each_frame_is_what_the_real_page_shows_then(script: Script, clock: Clock) -> None:
    """A change of the page that the demos do not follow is noticed here."""
    browser, compared = Client(), 0
    clock.move_to(script.began)
    seeder, screen = Seeder(script, state="compared"), Screen(script)
    seeder.notifies = True
    for operation in script.story:
        clock.move_to(script.began + timedelta(milliseconds=operation.at))
        seeder.do(operation)
        screen.play([operation])
        if operation.verb == "prove":
            browser.cookies.load(proven(seeder))
        if operation.verb == "someone_else":
            browser = Client()
        if operation.verb in ("review", "receipt"):
            continue
        real = browser.get(f"/t/{seeder.track.slug}").content.decode()
        assert essence(screen.track_html()) == essence(real), operation
        compared += 1
    assert compared > 20


def proven(seeder: Seeder) -> dict[str, str]:
    """Return the cookie of a browser that has typed the code."""
    token = grants.grant(
        track=seeder.track,
        token=None,
        kind=Grant.Kind.VERIFIED,
        method=Grant.Method.CODE,
        approver=approver_at(seeder.workspace.pk, seeder.script.approver),
        client=grants.Client(ip=IP, user_agent="Firefox"),
        now=database_now(),
    )
    return {settings.VIEWER_COOKIE_NAME: token}


# -- pages -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", *(f"/demo/{name}" for name in NAMES)])
def test_a_page_tells_the_whole_story_without_javascript(
    path: str, client: Client, db: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        response = client.get(path)
    assert response.status_code == 200
    assert response.cookies == {}
    html = re.sub(r"<template.*?</template>", "", response.content.decode(), flags=re.S)
    film = film_named(path.rpartition("/")[2] or "finance")
    assert film.finished in html
    for _, frame in film.chapters:
        assert escape(frame.caption) in html
    assert [f"/demo/{name}" for name in NAMES] == re.findall(r'href="(/demo/\w+)"', html)[:4]
    assert "style=" not in html
    assert re.findall(r"<script[^>]*>", html) == [
        f'<script nonce="{response.context["CSP_NONCE"]}" src="/static/demo.js" defer>'
    ]


def test_the_front_page_leads_everybody_on(client: Client) -> None:
    html = client.get("/").content.decode()
    for path in ("/api/docs/", "/admin/", "/.well-known/sayso-receipt-keys.json"):
        assert f'href="{path}"' in html


def test_the_front_page_shows_the_agent_of_the_readme(client: Client) -> None:
    readme = (ROOT / "README.md").read_text()
    agent = next(block for block in re.findall(r"```python\n(.*?)```", readme, re.S))
    shown = re.search(r"<pre[^>]*><code>(.*?)</code></pre>", client.get("/").content.decode(), re.S)
    assert shown is not None
    assert unescape(shown[1]) == agent


def test_the_page_with_all_its_frames_travels_small(client: Client) -> None:
    response = client.get("/", headers={"Accept-Encoding": "gzip"})
    assert response["Content-Encoding"] == "gzip"
    assert len(response.content) < 20_000


@pytest.mark.parametrize("path", ["/demo/other", "/demo/", "/demo/../finance", "/demo/finance/x"])
def test_there_is_no_other_demo(path: str, client: Client, db: None) -> None:
    assert client.get(path).status_code == 404


def test_the_links_of_the_finished_story_lead_to_its_receipt(
    script: Script, client: Client, db: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    links = re.findall(r'href="([^"]*receipt[^"]*)"', film_named(script.name).finished)
    page, document = (client.get(link) for link in links)
    with django_assert_num_queries(0):
        assert (page.status_code, document.status_code) == (200, 200)
    assert f"by {script.approver} on" in page.content.decode()
    assert json.loads(document.content) == finished(script).signed_receipt()
    assert client.get(links[0][:-1] + "x").status_code == 404


@pytest.mark.parametrize("path", ["/", "/demo/finance"])
def test_nothing_can_be_sent_to_a_demo(path: str, db: None) -> None:
    response = Client(enforce_csrf_checks=True).post(path, {"value": "true"})
    assert response.status_code == 405


# -- seeding ---------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_seeding_brings_every_demo_into_every_state() -> None:
    seeded = [(track.workspace.name, state) for state, track in seed()]
    states = ["working", "open", "timeout", "cancelled", "answered", "finished"]
    assert [state for name, state in seeded if name == "Acme Finance (demo)"] == [
        *states,
        "otherwise-1",
    ]
    assert len(seeded) == len(set(seeded)) == 4 * 6 + 1 + 2 + 4 + 1
    for name in {name for name, _ in seeded}:
        asks = Ask.objects.filter(workspace__name=name)
        assert set(asks.values_list("status", flat=True)) == set(Ask.Status.values)
    finance = Track.objects.filter(workspace__name="Acme Finance (demo)")
    assert list(finance.order_by("id").values_list("status", flat=True)) == [
        *["active"] * 5,
        "completed",
        "failed",
    ]


@pytest.mark.django_db
def test_seeding_mails_nobody_and_adds_nothing_the_second_time() -> None:
    first = json.loads(run("seed_demo", "--json"))
    events = Event.objects.count()
    assert (mail.outbox, Notification.objects.count()) == ([], 0)
    assert json.loads(run("seed_demo", "--json")) == first
    assert Event.objects.count() == events
    assert run("seed_demo").splitlines()[0].split()[-1] == first["tracks"][0]["url"]


def run(*arguments: str) -> str:
    output = StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue()
