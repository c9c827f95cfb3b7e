"""A list is filtered and sorted by what its page offers: no column tells its value otherwise."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.auth import get_user_model
from django.http import HttpRequest
from django.test import Client, RequestFactory

from tests.staff.conftest import Hire
from tracks.models import Track, Workspace
from tracks.staff.base import NO_FILTER, StaffAdmin

pytestmark = pytest.mark.django_db

PAGES = {
    model._meta.label_lower: pages
    for model, pages in sorted(admin.site._registry.items(), key=lambda each: each[0]._meta.label)
    if isinstance(pages, StaffAdmin)
}
each_list = pytest.mark.parametrize("pages", PAGES.values(), ids=PAGES.keys())


def asked(query: dict[str, str]) -> HttpRequest:
    request = RequestFactory().get("/", query)
    request.user = get_user_model()(is_active=True, is_staff=True, is_superuser=True)
    return request


def columns_of(model: Any, *, deep: bool = True) -> Iterator[str]:
    """Yield every column of a model, and of those that it points to."""
    for field in model._meta.concrete_fields:
        yield field.name
        if deep and field.is_relation:
            inner = columns_of(field.related_model, deep=False)
            yield from (f"{field.name}__{each}" for each in inner)


@each_list
@pytest.mark.parametrize("lookup", ["startswith", "gte", "in"])
def test_no_column_is_asked_for_by_the_address(pages: StaffAdmin, lookup: str) -> None:
    for column in columns_of(pages.model):
        condition = f"{column}__{lookup}"
        if condition not in pages.linked_by:
            with pytest.raises(IncorrectLookupParameters):
                pages.get_changelist_instance(asked({condition: "1"}))


@each_list
def test_links_of_ours_say_nothing_of_what_is_secret(pages: StaffAdmin) -> None:
    columns = {each.partition("__")[0] for each in pages.linked_by}
    assert columns <= {"status", "ends_at", "due_at", "created_at", "settled_at", "endpoint"}


@each_list
def test_no_choice_of_a_filter_is_counted(pages: StaffAdmin) -> None:
    found = pages.get_changelist_instance(asked({"_facets": "True"}))
    assert (found.add_facets, found.is_facets_optional) == (False, False)


@each_list
def test_a_list_is_sorted_as_it_stands(pages: StaffAdmin) -> None:
    def order(**query: str) -> dict[str, None]:
        return dict.fromkeys(pages.get_changelist_instance(asked(query)).queryset.query.order_by)

    for column in range(1, len(pages.list_display) + 1):
        assert order(o=str(column)) == order(o=f"-{column}") == order()


@pytest.mark.parametrize(
    "query",
    [
        "tracks/track/?slug__startswith={slug}",
        "tracks/track/?slug={slug}",
        "tracks/track/?password_hash__isnull=1",
        "tracks/track/?workspace__track__slug__startswith={slug}",
        "auth/user/?password__startswith=a",
        "webhooks/delivery/?body__contains=a",
        "mirroring/connection/?sealed_config__startswith=a",
        "mirroring/connection/?bearer_hash__startswith=a",
        "tracks/apikey/?secret_hash__startswith=a",
        "tracks/event/?track__slug__startswith={slug}",
    ],
)
def test_what_is_asked_so_is_told_by_no_list(hire: Hire, track: Track, query: str) -> None:
    path = f"/admin/{query}".partition("?")[0]
    owner = hire("Owner", track.workspace)
    answered = owner.get(f"/admin/{query.format(slug=track.slug[:4])}")
    assert (answered.status_code, answered["Location"]) == (302, f"{path}?e=1")
    assert NO_FILTER in owner.get(answered["Location"]).content.decode()


def test_nor_by_what_is_exported(boss: Client, track: Track) -> None:
    answered = boss.get(f"/admin/tracks/event/export/?track__slug__startswith={track.slug[:4]}")
    assert (answered.status_code, answered["Location"]) == (302, "/admin/tracks/event/")


def test_what_is_offered_still_filters(hire: Hire, track: Track, workspace: Workspace) -> None:
    viewer = hire("Viewer", workspace)
    for query, found in {
        f"workspace__id__exact={track.workspace_id}": 1,
        "status=failed": 0,
        "updated_at_from=2020-01-01": 1,
    }.items():
        page: Any = viewer.get(f"/admin/tracks/track/?{query}")
        assert page.context["cl"].result_count == found
