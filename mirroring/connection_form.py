"""What staff say about a connection: in the admin, and by `manage.py connection create`.

The fields of its connector are drawn from what the connector asks for. Secrets are written, checked
and kept; they are never shown again.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from mirroring import transitions
from mirroring.connectors import CONNECTORS, places_of, problems_with
from mirroring.connectors.base import ConfigField, Problem
from mirroring.mapping import MAPPING, problems_with_mapping
from mirroring.models import PUSH, Connection
from tracks.addresses import NotAnAddress, canonical_address, check_address
from tracks.staff.forms import PlainText

KEPT = "It is not shown again. Leave it empty to keep what is there."
TYPE_AGAIN = "Type it again: it would be sent to another place than before."
PREFIX = "connector_"  # of the names of the connector's fields
LEAST = {"interval_seconds": 5, "requests_per_minute": 1, "notices_per_hour": 0, "expiry_days": 1}
MOST = {
    "interval_seconds": 86_400,
    "requests_per_minute": 6000,
    "notices_per_hour": 1000,
    "expiry_days": 30,
}
_DOMAIN = re.compile(r"[^\s,]+")

POLLING = ("interval_seconds", "requests_per_minute")
TELLING = ("notices", "notices_per_hour", "leaves_marks")
APPROVERS = ("expiry_days", "fallback_approver", "allowed_domains")
POSTING = ("allows_unsigned",)
SETTINGS = ("enabled", *POLLING, *TELLING, *APPROVERS, *POSTING)


def fields_of(kind: str) -> tuple[ConfigField, ...]:
    """Return what a connection of this kind is told beside its settings."""
    return (MAPPING,) if kind == PUSH else CONNECTORS[kind].fields


def titles() -> dict[str, str]:
    """Return the kinds of connection there are, in the words of whoever chooses one."""
    posted = "A system, or a poller beside it, that posts to Sayso"
    return {**{name: each.title for name, each in CONNECTORS.items()}, PUSH: posted}


class DomainList(forms.CharField):
    """Mail domains, one a line or between commas, as addresses have them."""

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.prepare_value(initial) != data)

    def clean(self, value: Any) -> list[str]:
        domains = _DOMAIN.findall(super().clean(value))
        try:
            return sorted({canonical_address(f"a@{each}")[2:] for each in domains})
        except NotAnAddress:
            raise ValidationError("These must be mail domains, such as acme.com.") from None


class ConnectionForm(forms.ModelForm):  # type: ignore[type-arg]  # no generic at run time
    """The settings of a connection of one `kind`. Use form_for(kind)."""

    kind: ClassVar[str] = PUSH

    name = PlainText(
        max_length=120,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Shown to approvers as who is asking. It cannot be changed later.",
    )
    allowed_domains = DomainList(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="One a line: approvers elsewhere are held for staff. Empty: any.",
    )

    class Meta:
        model = Connection
        fields = ("workspace", "name", *SETTINGS)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.stored = self.instance.whole_config if self.is_change else {}
        for each in fields_of(self.kind):
            field = self.fields[PREFIX + each.name]
            is_kept = each.is_secret and each.name in self.stored
            field.required = each.required and not is_kept
            field.initial = "" if each.is_secret else self.stored.get(each.name, each.default)
            field.help_text = " ".join(part for part in (each.help, is_kept and KEPT) if part)

    @property
    def is_change(self) -> bool:
        """Tell whether it is about a connection that is there."""
        return not self.instance._state.adding

    # -- what was typed ----------------------------------------------------------------------------

    @property
    def config(self) -> dict[str, str]:
        """Return what the connector is told that is no secret."""
        shown = [each for each in fields_of(self.kind) if not each.is_secret]
        return {each.name: typed for each in shown if (typed := self._typed(each))}

    @property
    def secrets(self) -> dict[str, str]:
        """Return the secrets that were typed; the others stay as they are."""
        secret = [each for each in fields_of(self.kind) if each.is_secret]
        return {each.name: typed for each in secret if (typed := self._typed(each))}

    @property
    def whole_config(self) -> dict[str, str]:
        """Return all that the connector is told; a secret that was not typed is the stored one."""
        secret = [each.name for each in fields_of(self.kind) if each.is_secret]
        kept = {name: self.stored[name] for name in secret if name in self.stored}
        return {**kept, **self.config, **self.secrets}

    def _typed(self, field: ConfigField) -> str:
        typed: str = self.cleaned_data.get(PREFIX + field.name, "")
        return typed.replace("\r\n", "\n")

    def create(self) -> tuple[Connection, str]:
        """Make the connection that was typed, and return it with its secret."""
        typed = self.cleaned_data  # what is posted to has no settings for polling
        settings = {name: typed[name] for name in SETTINGS if name in typed}
        return transitions.create_connection(
            workspace_id=self.cleaned_data["workspace"].pk,
            name=self.cleaned_data["name"],
            kind=self.kind,
            config=self.config,
            secrets=self.secrets,
            **settings,
        )

    # -- what may be -------------------------------------------------------------------------------

    def clean_fallback_approver(self) -> str:
        """Take an address, or nothing."""
        typed: str = self.cleaned_data["fallback_approver"].strip()
        try:
            return check_address(typed) if typed else ""
        except NotAnAddress as error:
            raise ValidationError(str(error)) from None

    def clean(self) -> dict[str, Any]:
        """Hold numbers to their limits, people to the domains, and the rest to the connector."""
        typed: dict[str, Any] = super().clean() or self.cleaned_data
        for name, least in LEAST.items():
            value = typed.get(name)
            if value is not None and not least <= value <= MOST[name]:
                self.add_error(name, f"From {least} to {MOST[name]}.")
        self._check_fallback(typed)
        self._check_connector()
        return typed

    def _check_fallback(self, typed: Mapping[str, Any]) -> None:
        address, domains = typed.get("fallback_approver"), typed.get("allowed_domains")
        if address and domains and canonical_address(address).rpartition("@")[2] not in domains:
            self.add_error("fallback_approver", "This is not a mail domain that is allowed.")

    def _check_connector(self) -> None:
        missing = set(self.errors)
        problems = list(self._problems())
        for problem in problems:
            name = PREFIX + problem.field
            if name not in missing:
                self.add_error(name if name in self.fields else None, _in_its_field(problem))
        for name in [] if problems else self._kept_for_elsewhere():
            self.add_error(PREFIX + name, TYPE_AGAIN)

    def _problems(self) -> Iterable[Problem]:
        if self.kind == PUSH:
            return problems_with_mapping(self.config.get(MAPPING.name, ""))
        return problems_with(self.kind, self.whole_config)

    def _kept_for_elsewhere(self) -> list[str]:
        """Return the secrets that nobody has typed and that would go to a new place.

        Whoever may set a connection up may not learn its secrets by pointing it at themselves. The
        connector itself tells where it would send them: no other reading of what was typed counts.
        """
        kept = self._kept()
        if not kept or places_of(self.kind, self.whole_config) <= places_of(self.kind, self.stored):
            return []
        return kept

    def _kept(self) -> list[str]:
        secret = [each.name for each in fields_of(self.kind) if each.is_secret]
        return [name for name in secret if self.stored.get(name) and name not in self.secrets]


def _in_its_field(problem: Problem) -> str:
    """Return a problem without the name of the field that it stands beside."""
    line = f"line {problem.line}" if problem.line else ""
    where = ", ".join(part for part in (line, problem.path) if part)
    return f"{where}: {problem.message}" if where else problem.message


def form_for(kind: str, *, is_change: bool = False) -> type[ConnectionForm]:
    """Return the form of connections of one kind. The name of one that is there stays."""
    drawn: dict[str, Any] = {PREFIX + each.name: _drawn(each) for each in fields_of(kind)}
    if is_change:
        drawn["name"] = None
    return type("ConnectionForm", (ConnectionForm,), {"kind": kind, **drawn})


def _drawn(field: ConfigField) -> forms.Field:
    widgets = {
        # What was typed comes back with a form that is shown again; what is stored never does.
        "secret": UnfoldAdminPasswordWidget(
            attrs={"autocomplete": "new-password"}, render_value=True
        ),
        "long_text": UnfoldAdminTextareaWidget(
            attrs={"rows": 24, "class": "font-mono", "spellcheck": "false"}
        ),
        "long_secret": UnfoldAdminTextareaWidget(
            attrs={"rows": 4, "class": "font-mono", "spellcheck": "false", "autocomplete": "off"}
        ),
    }
    widget = widgets.get(field.kind) or UnfoldAdminTextInputWidget()
    return forms.CharField(label=field.label, strip=True, widget=widget)
