"""Each role at each of the commonest tasks: whoever may does it; whoever may not is refused."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group

from approvals.models import Ask
from tests.api.refused import nothing_written
from tests.browser.conftest import Open, follow
from tests.browser.staff_scenes import hire, sit_down
from tests.browser.staff_tasks import TASKS, Task, is_recorded, set_out
from tests.conftest import Clock
from tracks.staff.roles import OWNER, ROLES, VIEWER

Rows = dict[str, str]


@pytest.fixture
def rows(transactional_db: None, clock: Clock) -> Rows:
    return set_out(clock)


@pytest.mark.parametrize("role", ROLES)
def test_whoever_may_does_it_and_whoever_may_not_is_refused(
    new_browser: Open, site: str, rows: Rows, role: str
) -> None:
    page = at_work(new_browser, site, role)
    find_a_request(page, rows)
    for task in TASKS.values():
        if ROLES.index(role) < ROLES.index(task.lowest):
            is_refused(page, site, task, rows)
        else:
            is_done(page, task, rows, who=f"{role.lower()}@sayso.example")


def test_what_was_refused_is_taken_from_the_same_session_once_it_may(
    new_browser: Open, site: str, rows: Rows
) -> None:
    """Proves of the refused requests that nothing was wrong with them but who sent them."""
    page = at_work(new_browser, site, VIEWER)
    page.goto("/admin/")
    person = get_user_model().objects.get()
    person.groups.set([Group.objects.get(name=OWNER)])
    for name, task in TASKS.items():
        assert post(page, site, task, rows).status in (200, 302), name
        assert task.is_done(rows), name


def at_work(new_browser: Open, site: str, role: str) -> Any:
    page = new_browser(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    sit_down(page, site, hire(role))
    return page


def find_a_request(page: Any, rows: Rows) -> None:
    """Look a request up by what somebody reads out on the telephone, and open its dossier."""
    reference = Ask.objects.get(pk=rows["ask"]).reference
    page.goto("/admin/approvals/ask/")
    page.locator("#searchbar").fill(reference)
    page.keyboard.press("Enter")
    page.wait_for_url("**q=**")
    assert page.get_by_text("Another question?").count() == 0
    follow(page.get_by_role("link", name=reference))
    page.get_by_text("What was shown").wait_for()


def is_done(page: Any, task: Task, rows: Rows, *, who: str) -> None:
    """Do a task the way a person does, and see that it is done and on record."""
    page.goto(task.page.format(**rows))
    follow(page.get_by_role("link", name=task.button, exact=True).first)
    for name, value in task.form.items():
        fill(page, name, value.format(**rows))
    submit = page.get_by_role("button", name=task.submit, exact=True)
    if task.reads:
        follow(submit)
        assert page.get_by_text(task.reads).first.is_visible()
    else:
        with page.expect_download() as file:
            submit.click()
        assert file.value.path().stat().st_size > 0
    assert task.is_done(rows)
    assert is_recorded(task, who)


def fill(page: Any, name: str, value: str) -> None:
    """Fill in one field of a form, of whatever kind it is."""
    field = page.locator(f'form [name="{name}"]')
    if field.first.get_attribute("type") in ("checkbox", "radio"):
        page.locator(f'form [name="{name}"][value="{value}"]').check()
    elif field.evaluate("it => it.tagName") == "SELECT":
        field.select_option(value)
    else:
        field.fill(value)


def is_refused(page: Any, site: str, task: Task, rows: Rows) -> None:
    """See no way to a task, and be refused without one."""
    people = get_user_model().objects.count()
    with nothing_written():
        page.goto(task.page.format(**rows))
        assert page.locator(f'a[href*="{task.posts_to.format(**rows)}"]').count() == 0
        assert page.get_by_role("link", name=task.button, exact=True).count() == 0
        assert post(page, site, task, rows).status == 403
    assert get_user_model().objects.count() == people
    assert not task.is_done(rows)


def post(page: Any, site: str, task: Task, rows: Rows) -> Any:
    """Send the form of a task from a session, past the pages, with its CSRF token."""
    cookies = page.context.cookies()
    token = next(each["value"] for each in cookies if each["name"].endswith("csrf"))
    form = {name: value.format(**rows) for name, value in task.form.items()}
    return page.request.post(
        task.posts_to.format(**rows),
        form=form | {"csrfmiddlewaretoken": token},
        headers={"Referer": f"{site}/admin/", "Origin": site},
        max_redirects=0,
    )
