"""What staff read who may not, or who ask for what there is not."""

import uuid

import pytest
from django.test import Client

from tests.factories import AskFactory
from tests.staff.conftest import Hire
from tracks.models import Workspace

pytestmark = pytest.mark.django_db


def test_who_may_not_reads_that_it_is_their_role(hire: Hire, workspace: Workspace) -> None:
    ask = AskFactory(track__workspace=workspace)
    answered = hire("Viewer", workspace).get(f"/admin/approvals/ask/{ask.pk}/override/")
    words = answered.content.decode()
    assert answered.status_code == 403
    assert "Your role does not allow this" in words
    assert 'href="/admin/"' in words


def test_what_is_not_there_is_looked_for_in_lists_and_not_in_a_mail(boss: Client) -> None:
    answered = boss.get(f"/admin/nowhere/{uuid.uuid4()}/")
    words = answered.content.decode()
    assert answered.status_code == 404
    assert "Look for it in the lists." in words
    assert "mail" not in words.partition("<main")[2]


def test_a_form_from_elsewhere_is_still_called_that(boss: Client, workspace: Workspace) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = boss.cookies
    answered = strict.post("/admin/tracks/workspace/add/", {"name": "X"})
    assert answered.status_code == 403
    assert "This did not come from our page" in answered.content.decode()
