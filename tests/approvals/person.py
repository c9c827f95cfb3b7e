"""A person with a browser and no JavaScript: reads pages, fills in their forms, presses buttons."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from django.conf import settings
from django.core import mail
from django.test import Client

from approvals import sending
from approvals.models import Ask, Notification
from tests.factories import approver_of

FIREFOX = "Mozilla/5.0 Firefox/133.0"


INLINE = {"a", "b", "bdi", "code", "i", "span", "time"}


@dataclass
class Form:
    """A form as the page offers it: where it goes, and what it sends along."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[dict[str, str]] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.text: list[str] = []
        self._area: str | None = None
        self._skipped = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._separate(tag)
        if tag in ("script", "style", "title", "noscript"):
            self._skipped += 1
        if tag == "form":
            self.forms.append(Form(given["action"]))
        elif tag == "input" and given.get("type") != "radio" and "name" in given:
            self.forms[-1].fields[given["name"]] = given.get("value", "")
        elif tag == "button" and self.forms and "disabled" not in given:
            self.forms[-1].buttons.append(given)
        elif tag == "textarea":
            self._area = given["name"]
            self.forms[-1].fields[self._area] = ""

    def handle_endtag(self, tag: str) -> None:
        self._separate(tag)
        if tag in ("script", "style", "title", "noscript"):
            self._skipped -= 1
        if tag == "textarea":
            self._area = None

    def _separate(self, tag: str) -> None:
        if tag not in INLINE:
            self.text.append(" ")

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self.forms[-1].fields[self._area] += data.removeprefix("\n")
        elif not self._skipped:
            self.text.append(data)


class Page:
    """A response, read."""

    def __init__(self, response: Any) -> None:
        self.response = response
        self.status: int = response.status_code
        self.html: str = response.content.decode()
        reader = _Forms()
        reader.feed(self.html)
        self.forms = reader.forms
        self.text = " ".join("".join(reader.text).split())

    @property
    def location(self) -> str:
        return str(self.response["Location"])

    def form(self, end: str) -> Form:
        """Return the form whose address ends like this."""
        return next(each for each in self.forms if each.action.endswith(end))


class Person:
    """Somebody's browser, with Django's CSRF check on as in real life."""

    def __init__(self, **headers: str) -> None:
        self.client = Client(enforce_csrf_checks=True, headers={"User-Agent": FIREFOX} | headers)

    def get(self, path: str, **headers: str) -> Page:
        return Page(self.client.get(path, headers=headers))

    def post(self, path: str, data: dict[str, str], **headers: str) -> Page:
        return Page(self.client.post(path, data, headers=headers))

    def send(self, page: Page, end: str, **typed: str) -> Page:
        """Fill in the form of a page whose address ends like this, and send it."""
        form = page.form(end)
        return self.post(form.action, form.fields | typed)

    def ask_for_mail(self, ask: Ask) -> Page:
        """Press "E-mail me a sign-in link" on the page of an ask."""
        page = self.get(path_of(ask))
        form = page.form("/code")
        return self.post(form.action.removesuffix("code") + "verify", form.fields)

    def type_code(self, ask: Ask, code: str) -> Page:
        return self.send(self.get(path_of(ask)), "/code", code=code)

    def verify(self, ask: Ask) -> None:
        """Prove the approver's mailbox by the code of a fresh mail."""
        assert self.ask_for_mail(ask).status == 303
        assert self.type_code(ask, code_in(mails()[-1])).status == 303

    def answer(self, ask: Ask, **typed: str) -> Page:
        """Send the card's form."""
        return self.send(self.get(path_of(ask)), "/answer", **typed)

    def cookie(self, name: str) -> str:
        return self.client.cookies[name].value

    @property
    def viewer_cookie(self) -> str:
        return self.cookie(settings.VIEWER_COOKIE_NAME)


def path_of(ask: Ask) -> str:
    """Return the path of the page on which an ask is."""
    return f"/t/{ask.track.slug}"


def answer_path(ask: Ask) -> str:
    return f"{path_of(ask)}/asks/{ask.public_id}/answer"


def mails() -> list[Any]:
    """Send what waits to be mailed, as a worker would, and return all mails, the latest last."""
    for pk in Notification.due(limit=50):
        sending.send(pk)
    return list(mail.outbox)


def code_in(message: Any) -> str:
    """Return the code that a mail shows."""
    line = next(line for line in message.body.splitlines() if "code" in line and "-" in line)
    return str(line.rpartition(" ")[2])


def token_in(message: Any) -> str:
    """Return the token of the link in a sign-in mail."""
    return str(message.body.partition("/v/")[2].split()[0])


def approver_address(ask: Ask) -> str:
    return approver_of(ask).address
