"""Somebody at the queue: signing in by mail, and what a page of the queue lists."""

import re
from typing import Any

from django.core import mail

from approvals import queue_sign_in
from approvals.models import Ask, QueueMail
from tests.approvals.person import Page, Person, code_in
from tests.factories import CFO


def queue_mails() -> list[Any]:
    """Send what waits to be mailed, as a worker would, and return all mails, the latest last."""
    for pk in QueueMail.due(limit=50):
        queue_sign_in.send(pk)
    return list(mail.outbox)


def ask_for_mail(person: Person, address: str = CFO) -> Page:
    """Type an address and press "E-mail me a sign-in link"."""
    form = person.get("/queue/").form("/queue/sign-in")
    return person.post(form.action, form.fields | {"email": address})


def sign_in(person: Person, address: str = CFO) -> None:
    """Sign in by the code of a fresh mail."""
    assert ask_for_mail(person, address).status == 303
    page = person.get("/queue/")
    done = person.send(page, "/queue/code", code=code_in(queue_mails()[-1]))
    assert (done.status, done.location) == (303, "/queue/")


def post(person: Person, path: str, data: dict[str, Any]) -> Page:
    """Send a form of the queue with the token of its pages."""
    token = person.get("/queue/").forms[0].fields["csrfmiddlewaretoken"]
    return person.post(path, data | {"csrfmiddlewaretoken": token})


def titles(page: Page) -> list[str]:
    """Return the requests that a page lists, in order."""
    return re.findall(r'<p class="what"><a [^>]*>([^<]*)</a>', page.html)


def batch_form(page: Page, asks: list[Ask], **more: str) -> dict[str, Any]:
    """Return what the review page of a batch sends."""
    fields = dict(page.form("/queue/batch").fields)
    del fields["ask"]
    return fields | {"ask": [ask.public_id for ask in asks]} | more
