"""The two mails: the notice of an ask, and the sign-in mail. ML-18 and ux.md §2."""

import re
from typing import Any

import pytest
from django.core import mail

from approvals.models import Ask
from tests.approvals.person import Person, code_in, mails, path_of, token_in
from tests.conftest import Clock
from tests.factories import AskFactory, TrackFactory, WorkspaceFactory, config_of

pytestmark = pytest.mark.django_db(transaction=True)

HOSTILE = "Pay https://evil.example/x, mail bank@evil.example <b>now</b>"
ZERO_WIDTH_NON_JOINER = "\u200c"


@pytest.fixture
def settings_with_address(settings: Any) -> Any:
    settings.PUBLIC_BASE_URL = "https://say.example"
    return settings


def notice(**fields: Any) -> Any:
    AskFactory(**fields)
    return mails()[-1]


def html_of(message: Any) -> str:
    content, mimetype = message.alternatives[0]
    assert mimetype == "text/html"
    return str(content)


def hrefs(message: Any) -> set[str]:
    return set(re.findall(r'href="([^"]+)"', html_of(message)))


def test_the_notice_says_what_when_and_how(clock: Clock, settings_with_address: Any) -> None:
    workspace = WorkspaceFactory(name="Acme Finance", time_zone="Europe/Berlin")
    track = TrackFactory(workspace=workspace)
    ask = AskFactory(
        track=track,
        config=config_of("confirm") | {"risk": "high", "summary": {"New rate": "$2,592"}},
    )
    message = mails()[-1]
    assert message.subject == "Decision needed: Vendor invoice batch"
    assert message.to == ["cfo@acme.com"]
    assert message.from_email == "Acme Finance via Sayso <approvals@sayso.example>"
    page = f"https://say.example/t/{track.slug}"
    for text in (message.body, html_of(message)):
        for words in (
            "Approve the new rate?",
            "New rate",
            "$2,592",
            "High risk",
            "Sun 22 Nov 2026, 11:30 CET",
            "If you do nothing, it is not approved.",
            "Review and decide",
            page,
            code_in(message),
            "cfo@acme.com was named as the one to ask",
            "Not you? Ignore this mail.",
            f"Reference {ask.reference}",
            "24 hours",
        ):
            assert words in text
    assert hrefs(message) == {page}


def test_the_subject_says_whether_to_decide_or_to_type(clock: Clock) -> None:
    assert notice(kind="text").subject == "Answer needed: Vendor invoice batch"
    assert notice(kind="choice").subject == "Decision needed: Vendor invoice batch"


def test_ml_18_the_subject_is_one_plain_line_of_at_most_120(clock: Clock) -> None:
    message = notice(track=TrackFactory(title="x" * 200))
    assert message.subject == "Decision needed: " + "x" * 102 + "…"
    assert len(message.subject) == 120


def test_ml_18_agent_text_is_escaped_and_nothing_in_it_links(
    clock: Clock, settings_with_address: Any
) -> None:
    ask = AskFactory(
        track=TrackFactory(title=HOSTILE),
        prompt=HOSTILE,
        config=config_of("confirm") | {"description": HOSTILE, "summary": {HOSTILE: HOSTILE}},
    )
    Person().ask_for_mail(ask)
    for message in mails():
        assert hrefs(message) <= {
            f"https://say.example{path_of(ask)}",
            f"https://say.example/v/{token_in(message)}" if "/v/" in message.body else "",
        }
        for text in (message.body, html_of(message)):
            assert "evil.example" not in text
            assert "://evil" not in text
            assert f"evil.{ZERO_WIDTH_NON_JOINER}example" in text
        assert "<b>now</b>" not in html_of(message)


def test_a_mail_is_small_and_leaves_the_details_on_the_page(clock: Clock) -> None:
    row = {f"{number}" + "&" * 198: "<" * 200 for number in range(20)}
    config = config_of("confirm") | {
        "summary": row,
        "details": "D" * 8000,
        "description": "&" * 500,
        "accept_label": "A" * 80,
    }
    message = notice(prompt="&" * 1000, config=config)
    assert len(html_of(message).encode()) < 40_000
    assert "DDD" not in html_of(message) + message.body
    assert "14 more lines on the page." in message.body
    assert "14 more lines on the page." in html_of(message)


def test_a_protected_track_is_named_by_its_workspace_alone(clock: Clock) -> None:
    workspace = WorkspaceFactory(name="Acme Finance")
    track = TrackFactory(workspace=workspace, password="correct horse", title="Redundancies")
    AskFactory(
        track=track,
        prompt="Who goes?",
        config=config_of("confirm") | {"risk": "high", "summary": {"Names": "Eve"}},
    )
    person = Person()
    door = person.get(f"/t/{track.slug}")
    person.send(door, "/unlock", password="correct horse")
    form = person.get(f"/t/{track.slug}").form("/code")
    person.post(f"/t/{track.slug}/verify", form.fields)
    told, sign_in = mails()
    assert told.subject == "Protected request from Acme Finance"
    assert sign_in.subject == "Your sign-in link: protected request from Acme Finance"
    for message in (told, sign_in):
        everything = message.body + html_of(message) + str(message.message())
        for hidden in ("Redundancies", "Who goes", "Eve", "Names", "Bookkeeper", "risk"):
            assert hidden not in everything


def test_the_sign_in_mail_is_short_and_has_a_link_and_a_code(
    clock: Clock, settings_with_address: Any
) -> None:
    ask = AskFactory(notify=False)
    Person().ask_for_mail(ask)
    message = mails()[-1]
    assert message.subject == "Your sign-in link: Vendor invoice batch"
    assert hrefs(message) == {f"https://say.example/v/{token_in(message)}"}
    for text in (message.body, html_of(message)):
        assert code_in(message) in text
        assert "Both work once, for 10 minutes." in text
        assert "You did not ask for this? Ignore this mail." in text
    assert "Approve the new rate?" not in message.body
    assert len(message.body) < 600


def test_mails_say_that_no_person_wrote_them(clock: Clock) -> None:
    headers = notice().extra_headers
    assert headers["Auto-Submitted"] == "auto-generated"
    assert headers["X-Auto-Response-Suppress"] == "All"


def test_a_mail_has_a_preheader_dark_colours_and_loads_nothing(clock: Clock) -> None:
    html = html_of(notice())
    assert "Review it, then answer. If you do nothing, it is not approved." in html
    assert '<meta name="color-scheme" content="light dark">' in html
    assert "prefers-color-scheme: dark" in html
    for loaded in ("<img", "<script", "url(", "@import", "<link"):
        assert loaded not in html


def test_nobody_is_mailed_when_the_agent_delivers_the_address(clock: Clock) -> None:
    ask: Ask = AskFactory(notify=False)
    mails()
    assert mail.outbox == []
    assert "We mail a link and a code there." in Person().get(path_of(ask)).text
