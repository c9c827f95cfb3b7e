"""How refusals look, which methods a page takes, and the headers on all of it."""

from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from approvals.models import Ask
from approvals.refusal_pages import wait_words
from config.errors import RateLimited
from tests.approvals.person import FIREFOX, Page, Person, answer_path, path_of
from tests.conftest import Clock
from tests.factories import AskFactory, kinds

pytestmark = pytest.mark.django_db

POLICY = {
    "default-src 'none'",
    "connect-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
}


@pytest.fixture
def ask(clock: Clock) -> Ask:
    return AskFactory(notify=False)


@pytest.fixture
def person(ask: Ask) -> Person:
    person = Person()
    person.verify(ask)
    return person


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_se_05_a_form_from_another_site_is_403_and_changes_nothing(
    ask: Ask, person: Person, headers: dict[str, str]
) -> None:
    form = person.get(path_of(ask)).form("/answer")
    before = kinds(ask.track)
    page = person.post(form.action, form.fields | {"value": "true"}, **headers)
    assert page.status == 403
    assert "This did not come from our page" in page.text
    assert "Open the request again from your mail" in page.text
    assert kinds(ask.track) == before


@pytest.mark.parametrize("token", ["", "x" * 64])
def test_se_05_a_form_without_our_token_is_403(ask: Ask, person: Person, token: str) -> None:
    form = person.get(path_of(ask)).form("/answer")
    sent = form.fields | {"value": "true", "csrfmiddlewaretoken": token}
    assert person.post(form.action, sent).status == 403
    other = Person()
    foreign = other.get(path_of(ask)).forms[0].fields["csrfmiddlewaretoken"]
    assert person.post(form.action, sent | {"csrfmiddlewaretoken": foreign}).status == 403
    ask.refresh_from_db()
    assert ask.status == Ask.Status.OPEN


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/", "GET, HEAD"),
        ("{track}", "GET, HEAD"),
        ("{track}/unlock", "POST"),
        ("{track}/verify", "POST"),
        ("{track}/code", "POST"),
        ("{answer}", "POST"),
        ("{track}/asks/ask_1/receipt", "GET, HEAD"),
        ("{track}/asks/ask_1/receipt.json", "GET, HEAD"),
        ("/v/", "GET, HEAD, POST"),
        ("/v/token", "GET, HEAD, POST"),
        ("/stop/token", "GET, HEAD, POST"),
        ("/.well-known/sayso-receipt-keys.json", "GET, HEAD"),
    ],
)
def test_api_20_another_method_is_405_and_names_those_that_work(
    ask: Ask, path: str, allowed: str
) -> None:
    address = path.format(track=path_of(ask), answer=answer_path(ask))
    client = Client(enforce_csrf_checks=True, headers={"User-Agent": FIREFOX})
    tried = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - set(allowed.split(", "))
    for method in sorted(tried):
        response = client.generic(method, address)
        assert (method, response.status_code, response["Allow"]) == (method, 405, allowed)


def test_se_10_a_page_has_the_strict_headers(ask: Ask) -> None:
    page = Person().get(path_of(ask))
    nonce = page.html.partition('nonce="')[2].partition('"')[0]
    assert len(nonce) == 24
    expected = {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "X-Frame-Options": "DENY",
        "Cache-Control": "no-store",
        "X-Robots-Tag": "noindex, nofollow",
    }
    assert {name: page.response[name] for name in expected} == expected
    policy = set(page.response["Content-Security-Policy"].split("; "))
    assert policy == POLICY | {f"script-src 'nonce-{nonce}'"}
    assert " style=" not in page.html
    assert page.html.count("<script") == 1


@pytest.mark.parametrize(
    "path", ["/t/" + "0" * 22, "/nowhere", "/v/" + "x" * 43, "/.well-known/sayso-receipt-keys.json"]
)
def test_se_11_refusals_and_json_have_the_same_headers(db: None, path: str) -> None:
    response = Client().get(path)
    assert "default-src 'none'" in response["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in response["Content-Security-Policy"]
    assert response["Cache-Control"] == "no-store"
    assert response["X-Content-Type-Options"] == "nosniff"


def test_se_14_no_cache_and_no_range_gets_a_page(ask: Ask) -> None:
    headers = {"Range": "bytes=0-10", "If-None-Match": "*", "If-Modified-Since": "x"}
    response = Client().get(path_of(ask), headers=headers)
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    assert Client().get(f"{path_of(ask)}/x.css").status_code == 404


def test_a_body_over_a_megabyte_is_a_page_of_413(ask: Ask) -> None:
    page = Page(Client().post(answer_path(ask), {"comment": "x" * (1024 * 1024 + 1)}))
    assert page.status == 413
    assert "That is too much at once" in page.text
    api = Client().post("/api/v1/tracks", "x" * (1024 * 1024 + 1), content_type="application/json")
    assert (api.status_code, api.json()["code"]) == (413, "too_large")


def test_a_database_that_is_away_is_a_page_of_503(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> Any:
        raise OperationalError("away")

    monkeypatch.setattr("approvals.visits.viewer_of", away)
    page = Person().get(path_of(ask))
    assert page.status == 503
    assert page.response["Retry-After"] == "2"
    assert "We are not available for a moment" in page.text
    assert "Try again in a few seconds." in page.text


def test_se_11_a_bug_is_a_page_of_500_without_detail(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("the secret detail")

    monkeypatch.setattr("approvals.visits.viewer_of", broken)
    page = Page(Client(raise_request_exception=False).get(path_of(ask)))
    assert page.status == 500
    assert "Something went wrong on our side" in page.text
    assert page.response["X-Request-Id"] in page.text
    assert "the secret detail" not in page.html
    assert page.response["Cache-Control"] == "no-store"


def test_a_host_we_do_not_know_is_a_page_of_400(db: None) -> None:
    page = Page(Client().get("/", headers={"Host": "evil.example"}))
    assert page.status == 400
    assert "This request could not be read" in page.text
    assert "evil" not in page.html


def test_an_agent_that_lost_its_way_gets_a_problem(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad_host = Client().get("/api/v1/tracks", headers={"Host": "evil.example"})
    assert (bad_host.status_code, bad_host["Content-Type"]) == (400, "application/problem+json")
    assert bad_host.json()["code"] == "malformed"


def test_the_home_page_says_what_this_is_and_where_to_go(db: None) -> None:
    page = Page(Client().get("/"))
    assert page.status == 200
    assert "A person’s say-so, for software agents" in page.text
    assert 'href="/api/docs/"' in page.html
    assert 'href="/admin/"' in page.html


def test_se_12_nothing_redirects_to_where_a_parameter_says(ask: Ask, person: Person) -> None:
    for evil in ("//evil.example", "/\\evil.example", "https:evil.example", "%2f%2fevil.example"):
        form = person.get(f"{path_of(ask)}?next={evil}")
        assert "evil" not in form.html
        sent = person.post(f"{path_of(ask)}/verify?next={evil}", form.forms[0].fields)
        assert sent.status in (303, 429)
        assert "evil" not in sent.response.headers.get("Location", "")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        ("1", "1 second"),
        ("59", "59 seconds"),
        ("60", "1 minute"),
        ("61", "2 minutes"),
        ("720", "12 minutes"),
        ("7200", "2 hours"),
        ("7201", "3 hours"),
        ("86400", "24 hours"),
        ("172800", "2 days"),
        ("", ""),
    ],
)
def test_a_wait_is_never_named_shorter_than_it_is(seconds: str, words: str) -> None:
    assert wait_words(RateLimited(headers={"Retry-After": seconds})) == words
