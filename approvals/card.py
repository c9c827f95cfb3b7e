"""What the card of an ask shows, on the page and in the mail. Pure: rows in, words out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from approvals.bodies import CONFIG_OF_KIND
from approvals.digest import summary_rows
from approvals.display_time import Clock, Moment, zone_named
from approvals.models import Ask
from approvals.opening import display_of
from approvals.receipts import meaning
from tracks import textpolicy
from tracks.clock import database_now
from tracks.lookalikes import contradicts

MOST_BUTTONS, LONGEST_ON_BUTTON = 4, 28
ROWS_IN_MAIL = 6


@dataclass(frozen=True, slots=True)
class Risk:
    """How much is at stake: a word and a sign beside the colour."""

    level: str
    word: str
    sign: str


RISKS: dict[str, Risk] = {
    Ask.Risk.LOW: Risk("low", "Low risk", "●"),
    Ask.Risk.MEDIUM: Risk("medium", "Medium risk", "◆"),
    Ask.Risk.HIGH: Risk("high", "High risk", "▲"),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the answers: what the form sends, the agent's words, and what we write down."""

    value: str
    label: str
    recorded_as: str = ""
    verb: str = ""
    consequence: str = ""

    @property
    def says_value(self) -> bool:
        """Tell whether the recorded value needs showing because the label says something else."""
        return not self.verb and self.value != self.label


@dataclass(frozen=True, slots=True)
class TextInput:
    """The control for a typed answer, and the limits that browser and server check."""

    type: str
    longest: int
    hint: str
    autocomplete: str = "off"
    pattern: str = ""


TEXT_INPUTS = {
    "short": TextInput("text", 200, "One line, up to 200 characters."),
    "long": TextInput("textarea", 8000, "Up to 8,000 characters."),
    "email": TextInput("email", 254, "An e-mail address, such as name@example.com.", "email"),
    "url": TextInput(
        "url", 2000, "A web address that starts with https:// or http://.", "url", "https?://.+"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One question as it is shown: the agent's words as stored, everything else in ours."""

    ask: Ask
    addresses: Sequence[str]
    clock: Clock

    @property
    def config(self) -> dict[str, Any]:
        config: dict[str, Any] = self.ask.config
        return config

    @property
    def risk(self) -> Risk | None:
        return RISKS.get(self.config.get("risk", ""))

    @property
    def is_high_risk(self) -> bool:
        return self.risk is RISKS[Ask.Risk.HIGH]

    @property
    def deadline(self) -> Moment:
        return self.clock.moment(self.ask.ends_at)

    @property
    def wanted_by(self) -> Moment | None:
        """Return when it is wanted, which closes nothing."""
        return self.clock.moment(self.ask.due_at) if self.ask.due_at else None

    @property
    def rows(self) -> list[list[str]]:
        return summary_rows(self.config.get("summary")) or []

    @property
    def choices(self) -> list[Choice]:
        """Return the answers to choose from; a typed answer has none."""
        if self.ask.kind == Ask.Kind.CONFIRM:
            return [self._verdict(True), self._verdict(False)]
        options = self.config.get("options", [])
        return [Choice(each["value"], each["label"], each["value"]) for each in options]

    def _verdict(self, value: bool) -> Choice:
        which = "accept" if value else "reject"
        return Choice(
            value="true" if value else "false",
            label=self.config[f"{which}_label"],
            recorded_as=meaning(self.ask, value).lower(),
            verb="approve" if value else "reject",
            consequence=self.config.get(f"if_{which}ed", ""),
        )

    @property
    def choices_with_comment(self) -> list[Choice]:
        """Return the answers that the system takes with a comment only."""
        return [each for each in self.choices if each.value in self.ask.comment_wanted_for]

    @property
    def has_buttons(self) -> bool:
        """Tell whether the answers fit on buttons: up to four short ones."""
        choices = self.choices
        return 0 < len(choices) <= MOST_BUTTONS and all(
            self.ask.kind == Ask.Kind.CONFIRM or len(each.label) <= LONGEST_ON_BUTTON
            for each in choices
        )

    @property
    def input(self) -> TextInput | None:
        """Return the control of a typed answer."""
        if self.ask.kind != Ask.Kind.TEXT:
            return None
        return TEXT_INPUTS[self.config["validate"]]

    @property
    def if_nothing(self) -> str:
        """Return what follows when nobody answers, which is never for the agent to say."""
        if self.ask.escalate_to:
            return "somebody else is asked instead"
        if self.ask.kind == Ask.Kind.CONFIRM:
            return "it is not approved"
        return "no answer is recorded"

    @property
    def is_contradictory(self) -> bool:
        """Tell whether a button seems to say the opposite of what it does (AI-06)."""
        if self.ask.kind != Ask.Kind.CONFIRM:
            return False
        return contradicts(self.config["accept_label"], self.config["reject_label"])

    @property
    def can_be_shown(self) -> bool:
        """Tell whether this can be shown exactly as it was digested (AI-20).

        What we would not accept today, or what no longer has the digest it was asked with, gets
        no buttons.
        """
        try:
            return self._is_valid() and self._has_its_digest()
        except (AttributeError, KeyError, TypeError, ValueError):
            return False

    def _is_valid(self) -> bool:
        reader = CONFIG_OF_KIND.get(self.ask.kind)
        textpolicy.clean(self.ask.prompt, multiline=True)
        return reader is not None and reader(data=self.config).is_valid()

    def _has_its_digest(self) -> bool:
        return display_of(self.ask, list(self.addresses)).digest() == self.ask.display_digest

    def choice_of(self, value: bool | str) -> Choice | None:
        """Return the choice that a recorded value stands for."""
        sent = value if isinstance(value, str) else str(value).lower()
        return next((each for each in self.choices if each.value == sent), None)


def of(ask: Ask, *, clock: Clock) -> Card:
    """Return the card of an ask that was fetched `with_table()`, with its track and workspace."""
    addresses = [each.address for each in ask.asked]
    return Card(ask=ask, addresses=addresses, clock=clock)


@dataclass(frozen=True, slots=True)
class MailCard:
    """A question as a mail shows it: short, and with nothing a mail program could link."""

    prompt: str
    description: str
    asked_by: str
    rows: list[list[str]]
    more_rows: int
    has_details: bool
    risk: Risk | None
    deadline: Moment
    if_nothing: str
    needs: str
    reference: str

    @property
    def quoted(self) -> str:
        """Return the agent's words for the plain text, every line marked as a quotation."""
        rows = [f"{term}: {text}" for term, text in self.rows]
        parts = [self.prompt, self.description, "\n".join(rows)]
        lines = "\n\n".join(part for part in parts if part).split("\n")
        return "\n".join(f"> {line}".rstrip() for line in lines)


def of_mail(ask: Ask) -> MailCard:
    """Return what the notice of an ask shows. Details are read on the page alone."""
    clock = Clock(database_now(), zone_named(ask.track.workspace.time_zone))
    card = of(ask, clock=clock)
    rows = [[textpolicy.defuse(text) for text in row] for row in card.rows]
    return MailCard(
        prompt=textpolicy.defuse(ask.prompt),
        description=textpolicy.defuse(card.config.get("description", "")),
        asked_by=textpolicy.defuse(ask.asked_by),
        rows=rows[:ROWS_IN_MAIL],
        more_rows=len(rows[ROWS_IN_MAIL:]),
        has_details="details" in card.config,
        risk=card.risk,
        deadline=card.deadline,
        if_nothing=card.if_nothing,
        needs="Answer" if ask.kind == Ask.Kind.TEXT else "Decision",
        reference=ask.reference,
    )
