"""Filters that nobody can mean: a list says so and shows everything, on either database."""

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client

from tracks.staff.base import NO_FILTER, StaffAdmin

pytestmark = pytest.mark.django_db

LISTS = sorted(
    f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
    for model, pages in admin.site._registry.items()
    if isinstance(pages, StaffAdmin)
)


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    "query", ["status=a%00b", "q=%00", "id__exact=abc", "workspace__id__exact=x"]
)
def test_it_is_said_and_everything_is_shown(boss: Client, path: str, query: str) -> None:
    answered: Any = boss.get(f"{path}?{query}")
    if answered.status_code == 302:
        assert answered["Location"] == f"{path}?e=1"
        answered = boss.get(answered["Location"])
        assert NO_FILTER in answered.content.decode()
    assert answered.status_code == 200


@pytest.mark.parametrize("day", ["9999-12-31", "12/31/9999", "0001-01-01", "soon"])
@pytest.mark.parametrize(
    "days", ["approvals/ask/?created_at", "tracks/track/?updated_at", "tracks/event/?at"]
)
@pytest.mark.parametrize("end", ["from", "to"])
def test_no_day_is_too_far_away(boss: Client, days: str, day: str, end: str) -> None:
    assert boss.get(f"/admin/{days}_{end}={day}").status_code == 200
