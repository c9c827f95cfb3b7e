"""What one browser shows of a demo's stage, made by the page's own templates."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.template.loader import render_to_string
from django.urls import get_urlconf, set_urlconf

from approvals import answering, card, outcome, receipt_page, receipts, timeline, track_page
from approvals.card import Card
from approvals.demo.script import Script
from approvals.demo.stage import Stage
from approvals.display_time import Clock, zone_named
from approvals.earlier import Earlier
from approvals.forms import address_choice
from approvals.models import Ask, Grant
from approvals.outcome import End, Outcome
from approvals.track_page import Entry, Mailbox, Proof, TrackPage
from tracks.addresses import masked
from tracks.models import Track

LAYOUT = "demo/frame.html"
# The demos' receipts are signed with a key that everybody has and no server publishes as its own.
SIGNER = receipts.Signer.from_secret("the demos of Sayso: this key proves nothing")


@contextmanager
def _addresses_of_demos() -> Iterator[None]:
    """Let the templates' links lead to the demo's own pages instead of a track's."""
    before = get_urlconf()
    set_urlconf("approvals.demo.urls")
    try:
        yield
    finally:
        set_urlconf(before)


class Screen(Stage):
    """A stage with a browser in front of it. Its own verbs say where it is and what is done."""

    def __init__(self, script: Script) -> None:
        super().__init__(script)
        self.caption = ""
        self.hints: dict[str, Any] = {}
        self.view: Callable[[], str] = self.track_html

    # -- verbs -------------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        self.caption = text

    def look(self, at: str) -> None:
        """Bring a part of the page into sight; it stays there."""
        self.hints["look"] = at

    def press(self, on: str) -> None:
        self.hints["press"] = on

    def type(self, text: str, into: str) -> None:
        self.hints |= {"type": text, "into": into}

    def unfold(self, what: str) -> None:
        self.hints["unfold"] = what

    def review(self, value: str, comment: str = "") -> None:
        self.view = lambda: self.review_html(value, comment)

    def receipt(self) -> None:
        self.view = self.receipt_html

    def answer(self, value: str, comment: str | None = None) -> None:
        super().answer(value, comment)
        self.view = self.track_html

    def someone_else(self) -> None:
        super().someone_else()
        self.view = self.track_html

    # -- pages -------------------------------------------------------------------------------------

    def html(self) -> str:
        """Return what the browser shows now."""
        return self.view()

    def track_html(self) -> str:
        context = track_page.context(self.page(), notice=None, entry=Entry())
        return _rendered(track_page.TEMPLATE, context)

    def review_html(self, value: str, comment: str) -> str:
        _, asks = self.rows()
        said: bool | str = value == "true" if asks[0].kind == Ask.Kind.CONFIRM else value
        context = answering.review_context(
            card.of(asks[0], clock=self.clock),
            me=self.grants[0],
            value=said,
            sent=value,
            comment=comment,
            form_nonce="",
        )
        return _rendered(answering.REVIEW_TEMPLATE, context)

    def receipt_html(self) -> str:
        context = receipt_page.context(self.signed_receipt(), clock=self.clock)
        context |= {"slug": self.script.name, "workspace": self.workspace.name}
        return _rendered("pages/receipt.html", context)

    def signed_receipt(self) -> dict[str, Any]:
        """Return the receipt of the latest answer, signed with the demos' key."""
        _, asks = self.rows()
        return SIGNER.signed(receipts.content_of(asks[0], self.events))

    # -- the page of the track, decided as track_page does ----------------------------------------

    @property
    def clock(self) -> Clock:
        return Clock(self.now, zone_named(self.workspace.time_zone))

    @property
    def is_waiting(self) -> bool:
        return self.ask is not None and self.ask.status == Ask.Status.OPEN

    @property
    def is_answerable(self) -> bool:
        """Tell whether the browser shows a question with its answers."""
        return self.is_waiting and bool(self.grants)

    def page(self) -> TrackPage:
        """Return what the browser is shown of the track."""
        track, asks = self.rows()
        me = self.grants[0] if asks and self.grants else None
        shown = card.of(asks[0], clock=self.clock) if asks else None
        closed = None if shown is None or self.is_waiting else self._outcome(shown, me)
        end = outcome.end_of(track, clock=self.clock)
        state = self._state(shown)
        return TrackPage(
            track=track,
            clock=self.clock,
            state=state,
            heading=_heading(state, closed, end),
            card=shown,
            me=me,
            elsewhere="",
            proof=None if self.grants else self._proof(track),
            form_nonce="",
            outcome=closed,
            end=end,
            progress=timeline.progress(
                self.steps,
                self.events,
                clock=self.clock,
                waiting=_waiting(state),
                shows_addresses=me is not None,
            ),
            earlier=[self._earlier(each) for each in asks[1:]],
        )

    def _state(self, shown: Card | None) -> str:
        if shown is None:
            return "quiet"
        if not self.is_waiting:
            return str(shown.ask.status)
        return "open_ready" if self.is_answerable else "open_stranger"

    def _outcome(self, shown: Card, me: Grant | None) -> Outcome:
        ask = shown.ask
        return outcome.of(
            shown,
            status=ask.status,
            closed=self.clock.moment(ask.closed_at or ask.expires_at),
            is_mine=me is not None,
            is_verified=me is not None,
            went_on=outcome.went_on(ask, self.events, clock=self.clock),
        )

    def _proof(self, track: Track) -> Proof:
        address = self.approver.address
        return Proof(
            mailboxes=[Mailbox(address_choice(track, address), masked(address))],
            mailed_to="",
            mailed_until=None,
            has_notice_code=self.is_waiting,
            again_since=None,
        )

    def _earlier(self, ask: Ask) -> Earlier:
        at = ask.closed_at
        return Earlier(
            prompt=ask.prompt,
            result=receipts.meaning(ask, ask.answer.value),
            at=self.clock.moment(at) if at else None,
            receipt_of=ask.public_id if self.grants else "",
        )


def _heading(state: str, closed: Outcome | None, end: End | None) -> str:
    if closed is not None:
        return closed.heading
    if state == "quiet":
        return end.heading if end else "In progress"
    return "Decision needed"


def _waiting(state: str) -> str:
    return {"open_ready": "waiting for you", "open_stranger": "waiting for an answer"}.get(
        state, ""
    )


def _rendered(template: str, context: dict[str, Any]) -> str:
    with _addresses_of_demos():
        # A demo's forms are sent nowhere, so they carry no token.
        return render_to_string(template, context | {"layout": LAYOUT, "csrf_token": ""}).strip()
