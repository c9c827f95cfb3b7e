"""What people type and choose on the pages, checked; and the marks by which we know our forms."""

import secrets
from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.signing import BadSignature, Signer
from django.core.validators import URLValidator
from django.utils.crypto import constant_time_compare

from approvals.card import TEXT_INPUTS
from approvals.models import Ask, Grant
from tracks import textpolicy
from tracks.addresses import NotAnAddress, canonical_address, check_address
from tracks.models import Track

LONGEST_COMMENT = 2000
LONGEST_REASON = 500
_NONCE_BYTES = 15  # with the signature, 64 characters
_nonces = Signer(sep=".", salt="approvals.form_nonce")
_choices = Signer(salt="approvals.approver_choice")
_is_web_address = URLValidator(schemes=["http", "https"])


def new_nonce(ask: Ask, grant: Grant) -> str:
    """Return a mark for one form: bound to the ask and to the proof it was shown to.

    It is signed instead of stored, because showing a page writes nothing.
    """
    nonce = secrets.token_urlsafe(_NONCE_BYTES)
    return f"{nonce}.{_nonces.signature(_bound(nonce, ask, grant))}"


def is_nonce(text: str, ask: Ask, grants: Sequence[Grant]) -> bool:
    """Tell whether a form's mark was made for this ask and one of these proofs."""
    nonce, _, signature = text.partition(".")
    return any(_is_signed(_bound(nonce, ask, grant), signature) for grant in grants)


def _bound(nonce: str, ask: Ask, grant: Grant) -> str:
    return f"{nonce}:{ask.pk.hex}:{grant.pk}"


def _is_signed(value: str, signature: str) -> bool:
    try:
        _nonces.unsign(f"{value}.{signature}")
    except BadSignature:
        return False
    return True


def address_choice(track: Track, address: str) -> str:
    """Return the opaque name of an address among those of a track."""
    return _choices.signature(f"{track.pk.hex}:{canonical_address(address)}")[:22]


def chosen_address(track: Track, addresses: Sequence[str], choice: str) -> str | None:
    """Return the address that was chosen; the only one needs no choosing."""
    if len(addresses) == 1 and not choice:
        return addresses[0]
    fitting = (
        each for each in addresses if constant_time_compare(address_choice(track, each), choice)
    )
    return next(fitting, None)


def _plain(text: str, *, multiline: bool) -> str:
    try:
        return textpolicy.clean(text, multiline=multiline)
    except textpolicy.UnsafeText as error:
        raise ValidationError(
            f"Character {error.offset + 1} ({error.label}) cannot be taken: {error.reason}."
        ) from None


def _at_most(text: str, longest: int) -> str:
    if len(text) > longest:
        raise ValidationError(f"At most {longest:,} characters; these are {len(text):,}.")
    return text


class AnswerForm(forms.Form):
    """An answer as the card's form sends it. Subclasses say what a value may be."""

    value = forms.CharField(required=False, strip=False)
    comment = forms.CharField(required=False, strip=False)

    def __init__(self, *args: Any, ask: Ask, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ask = ask

    def clean_comment(self) -> str | None:
        comment = _plain(self.cleaned_data["comment"], multiline=True)
        return None if textpolicy.is_blank(comment) else _at_most(comment, LONGEST_COMMENT)

    def clean(self) -> dict[str, Any]:
        """Refuse an answer without the comment that its system will ask for."""
        said = self.cleaned_data
        is_wanted = "value" in said and self.data["value"] in self.ask.comment_wanted_for
        if is_wanted and said.get("comment", "") is None:
            self.add_error("comment", "The system wants a reason for this answer: write a comment.")
        return said


class ConfirmForm(AnswerForm):
    def clean_value(self) -> bool:
        verdict = {"true": True, "false": False}.get(self.cleaned_data["value"])
        if verdict is None:
            raise ValidationError("Choose one of the two answers.")
        return verdict


class ChoiceForm(AnswerForm):
    def clean_value(self) -> str:
        value: str = self.cleaned_data["value"]
        if value not in [option["value"] for option in self.ask.config["options"]]:
            raise ValidationError("Choose one of the answers.")
        return value


class TextForm(AnswerForm):
    def clean_value(self) -> str:
        validate, typed = self.ask.config["validate"], self.cleaned_data["value"]
        if textpolicy.is_blank(typed):
            raise ValidationError("Type your answer.")
        text = _plain(typed, multiline=validate == "long")
        _at_most(text, TEXT_INPUTS[validate].longest)
        if validate == "email":
            return _address(text)
        return _web_address(text) if validate == "url" else text


def _address(text: str) -> str:
    try:
        return check_address(text)
    except NotAnAddress:
        raise ValidationError("This is not an e-mail address, such as name@example.com.") from None


def _web_address(text: str) -> str:
    try:
        _is_web_address(text)
    except ValidationError:
        raise ValidationError(
            "This is not a web address that starts with https:// or http://."
        ) from None
    return text


FORM_OF_KIND: dict[str, type[AnswerForm]] = {
    Ask.Kind.CONFIRM: ConfirmForm,
    Ask.Kind.CHOICE: ChoiceForm,
    Ask.Kind.TEXT: TextForm,
}


def answer_form(ask: Ask, data: Any) -> AnswerForm:
    """Return the form for an answer to this ask."""
    return FORM_OF_KIND[ask.kind](data, ask=ask)


class ReasonForm(forms.Form):
    """A reason that may be given."""

    reason = forms.CharField(required=False, strip=False)

    def clean_reason(self) -> str:
        reason = _plain(self.cleaned_data["reason"], multiline=True)
        return "" if textpolicy.is_blank(reason) else _at_most(reason, LONGEST_REASON)

    @property
    def given(self) -> dict[str, str]:
        """Return what was typed, checked."""
        return self.cleaned_data

    @property
    def first_errors(self) -> dict[str, str]:
        """Return what is wrong with each field, in the order of the fields."""
        return {name: str(self.errors[name][0]) for name in self.fields if name in self.errors}


class PassOnForm(ReasonForm):
    """To whom a request goes, and why."""

    to = forms.CharField(required=False)
    field_order = ["to", "reason"]

    def clean_to(self) -> str:
        return _address(self.cleaned_data["to"])

    def clean_reason(self) -> str:
        reason = super().clean_reason()
        if not reason:
            raise ValidationError("Say why, so that they know what this is about.")
        return reason
