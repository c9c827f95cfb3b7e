"""Many at once on one page: one of them is recorded, and the others are told."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from approvals.models import Answer, Decision, Grant, QueueMail
from tests.approvals.person import Page, Person, mails, path_of, token_in
from tests.approvals.queue_person import ask_for_mail, batch_form, post, queue_mails, sign_in
from tests.factories import CFO, AskFactory, config_of, kinds

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 10


def all_at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """Run calls in parallel threads, each with a database connection of its own."""

    def run(call: Callable[[], Any]) -> Any:
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(run, calls))


def test_co_02_of_a_hundred_tabs_one_answers_and_the_rest_are_told() -> None:
    ask = AskFactory(notify=False)
    person = Person()
    person.verify(ask)
    forms = [person.get(path_of(ask)).form("/answer") for _ in range(100)]

    def send(index: int) -> Page:
        form = forms[index]
        tab = Client(enforce_csrf_checks=True)
        tab.cookies = person.client.cookies
        said = {"value": "true" if index % 2 else "false", "comment": f"tab {index}"}
        return Page(tab.post(form.action, form.fields | said))

    pages = all_at_once([lambda index=index: send(index) for index in range(100)])
    assert Counter(page.status for page in pages) == {303: 1, 409: 99}
    assert (Decision.objects.count(), Answer.objects.count()) == (1, 1)
    winner = next(index for index, page in enumerate(pages) if page.status == 303)
    assert Decision.objects.get().comment == f"tab {winner}"
    assert kinds(ask.track).count("input_request.answered") == 1
    result = "Recorded: approved" if winner % 2 else "Recorded: rejected"
    losers = [page for page in pages if page.status == 409]
    assert all("Your answer was not recorded." in page.text for page in losers)
    assert all(result in page.text for page in losers)


def test_ml_04_of_twenty_presses_on_one_link_one_is_granted() -> None:
    ask = AskFactory(notify=False)
    person = Person()
    person.ask_for_mail(ask)
    person.get(f"/v/{token_in(mails()[-1])}")
    form = person.get("/v/").form("/v/")

    def press() -> int:
        tab = Client(enforce_csrf_checks=True)
        tab.cookies = person.client.cookies
        return int(tab.post(form.action, form.fields).status_code)

    assert Counter(all_at_once([press] * 20)) == {303: 1, 410: 19}
    assert Grant.objects.count() == 1


def tab_of(person: Person, path: str, fields: dict[str, Any]) -> Callable[[], int]:
    """Return what sends a form from another tab of somebody's browser."""

    def send() -> int:
        tab = Client(enforce_csrf_checks=True)
        tab.cookies = person.client.cookies
        return int(tab.post(path, fields).status_code)

    return send


def test_ml_04_of_twenty_presses_on_one_link_to_the_queue_one_is_granted() -> None:
    AskFactory(notify=False)
    person = Person()
    ask_for_mail(person)
    person.get(f"/v/{token_in(queue_mails()[-1])}")
    form = person.get("/v/").form("/v/")
    sent = all_at_once([tab_of(person, form.action, form.fields)] * 20)
    assert Counter(sent) == {303: 1, 410: 19}
    assert Grant.objects.count() == 1


@pytest.mark.parametrize("address", [CFO, "nobody@elsewhere.com"])
def test_ml_14_of_twenty_wishes_for_a_mail_three_are_granted(address: str) -> None:
    AskFactory(notify=False)
    person = Person()
    form = person.get("/queue/").form("/queue/sign-in")
    fields = form.fields | {"email": address}
    assert Counter(all_at_once([tab_of(person, form.action, fields)] * 20)) == {303: 3, 429: 17}
    assert QueueMail.objects.count() == 3


def test_of_ten_batches_at_once_each_request_is_answered_once() -> None:
    config = config_of("confirm") | {"risk": "low"}
    asks = [AskFactory(notify=False, config=config) for _ in range(3)]
    person = Person()
    sign_in(person)
    ids = {"ask": [ask.public_id for ask in asks]}
    reviews = [post(person, "/queue/batch", ids) for _ in range(10)]
    sends = [
        tab_of(person, "/queue/batch", batch_form(review, asks, value="true")) for review in reviews
    ]
    statuses = Counter(all_at_once(sends))
    assert statuses[303] + statuses[409] == 10
    assert (Decision.objects.count(), Answer.objects.count()) == (3, 3)
