"""What agents and approvers wrote is text on every page of the admin, and nothing else."""

import re

import pytest
from django.contrib import admin
from django.test import Client
from django.utils.html import escape

from tests.api.refused import OURS
from tests.factories import AskFactory, TrackFactory, answer, issue_key, say
from tracks.models import Workspace

pytestmark = pytest.mark.django_db

HOSTILE = [
    '<script>alert("x")</script>',
    '"><img src=x onerror=alert(1)>',
    "</textarea></pre><svg/onload=alert(1)>",
    "' onmouseover='alert(1)",
    "{{ 7|add:7 }}{% debug %}",
    "[click](javascript:alert(1))",
    "https://evil.example/login",
    "Approved by admin ✅",
]
# Of what is above, what a browser would take for more than text.
ALIVE = re.compile(
    r"<script>alert|<img src=x|<svg/onload|['\"] onmouseover=['\"]alert|"
    r"href=\"(?:javascript:|https://evil)"
)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_inert_on_every_page(
    boss: Client, workspace: Workspace, text: str
) -> None:
    track = TrackFactory(
        workspace=workspace, title=text, external_id=text, metadata={text: text}, steps=[text]
    )
    say(track, text)
    config = {
        "accept_label": text[:80],
        "reject_label": "No",
        "description": text,
        "summary": {text: text},
        "details": text,
    }
    answer(AskFactory(track=track, prompt=text, config=config), comment=text)
    issue_key(workspace, name=text)
    shown = ""
    for model, pages in admin.site._registry.items():
        if model._meta.app_label not in OURS:
            continue
        base = f"/admin/{model._meta.label_lower.replace('.', '/')}/"
        listed = boss.get(base)
        shown += listed.content.decode()
        for row in pages.get_queryset(listed.wsgi_request)[:5]:
            shown += boss.get(f"{base}{row.pk}/change/").content.decode()
    assert escape(text) in shown
    assert ALIVE.search(shown) is None
