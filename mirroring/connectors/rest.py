"""The declarative connector: any REST API that a definition describes (docs/connectors.md)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, ClassVar

from mirroring import strict_json
from mirroring.connectors.base import (
    Actor,
    Capabilities,
    ConfigField,
    ConnectorError,
    CursorKind,
    Gone,
    Health,
    Item,
    Kind,
    NoteTime,
    Option,
    Outcome,
    Page,
    Person,
    Result,
    Skipped,
    State,
    option_of,
    statement,
)
from mirroring.connectors.config import checked
from mirroring.connectors.declarative import directory
from mirroring.connectors.declarative import fields as field_map
from mirroring.connectors.declarative.definition import read_definition
from mirroring.connectors.declarative.passes import Seen, go_on, placeholders, way_on
from mirroring.connectors.declarative.sending import (
    check_filled,
    make_session,
    read_secrets,
    send,
)
from mirroring.connectors.declarative.spec import Choice, LookUp, NoteWhen, PageType
from mirroring.connectors.http import Answer
from mirroring.connectors.keyset import Position
from mirroring.connectors.outcomes import (
    outcome_before_sending,
    outcome_of_answer,
    outcome_of_error,
    refusal,
    unhealthy,
)
from mirroring.connectors.rows import UNREADABLE, fitting
from mirroring.connectors.values import digest_of, read_number, read_time

Record = tuple[Any, dict[str, Any], Answer]  # what was read, what it fills in, how it came
# Who one person is cannot be found out: that stops nothing else.
NOBODY_KNOWN = (Kind.GONE, Kind.FORBIDDEN, Kind.BAD_REQUEST, Kind.BAD_ANSWER)


class Rest:
    """Any system with a REST API, by configuration alone."""

    name: ClassVar[str] = "rest"
    title: ClassVar[str] = "Any REST API"
    fields: ClassVar[tuple[ConfigField, ...]] = (
        ConfigField(
            name="definition",
            label="Definition",
            help="YAML or JSON that describes the API: see docs/connectors.md.",
            kind="long_text",
        ),
        ConfigField(
            name="secrets",
            label="Secrets",
            help="One a line, as in token: abc. The definition uses them as {secret.token}.",
            kind="long_secret",
            required=False,
        ),
    )

    def __init__(self, config: Mapping[str, str]) -> None:
        values = checked(self.fields, config)
        self.definition = read_definition(values["definition"])
        self.secrets = read_secrets(values["secrets"])
        self.session = make_session(self.definition, self.secrets)
        self.options: tuple[Option, ...] = tuple(
            choice.option for choice in self.definition.choices.values()
        )
        # What stands for the system, the account and how it is asked who somebody is.
        self._way = digest_of({name: values[name] for name in ("definition", "secrets")})

    def capabilities(self) -> Capabilities:
        """Return what the definition makes of the system."""
        it = self.definition
        return Capabilities(
            cursor=it.listing.cursor.kind,
            cursor_resolution=it.listing.cursor.resolution,
            precondition=bool(it.precondition),
            note=it.note_time,
            note_once=bool(it.note and it.note.existing),
            list_has_all=not it.single.also and it.single.item is None,
            options=self.options,
            comment_max=it.comment_max,
            proves_account=it.check is not None,
        )

    # -- reading -----------------------------------------------------------------------------------

    def check(self) -> Health:
        """Prove the account by the read that the definition names, or by a list of one."""
        check = self.definition.check
        try:
            if check is None:
                page = self.list(None, 1)
                detail = f"{len(page.items)} found by a list of one."
                if not page.items:
                    detail += " That proves nothing of the account: a check in the definition does."
                return Health(ok=True, detail=detail, clock_skew=self.session.skew)
            said = self._read(check.request, {}, purpose="get").json
            account = check.account.find(said) if check.account else None
            accepted = check.accept.find(said) if check.accept else True
        except ConnectorError as error:
            return unhealthy(error, self.session)
        except ValueError as error:
            wrong = ConnectorError(str(error), kind=Kind.BAD_ANSWER)
            return unhealthy(wrong, self.session)
        if not accepted:
            wrong = ConnectorError("The account sees nothing.", kind=Kind.FORBIDDEN)
            return unhealthy(wrong, self.session)
        return Health(ok=True, account=str(account or ""), clock_skew=self.session.skew)

    def list(self, cursor: str | None, limit: int) -> Page:
        """Return the next page; what cannot be read is skipped and told."""
        listing, at = self.definition.listing, Position.read(cursor)
        request = listing.first_request if at.is_first else None
        values = placeholders(listing, at, limit)
        is_link = listing.pages.type == PageType.NEXT_LINK
        answer = self._read(
            request or listing.request, values, purpose="list", link=at.token if is_link else None
        )
        if at.started is None and listing.cursor.kind == CursorKind.KEYSET:
            at = replace(at, started=self.session.now())
        try:
            records = listing.items.find(answer.json)
            more, token = way_on(listing, answer, len(records or ()))
        except ValueError as error:
            raise ConnectorError(str(error), kind=Kind.BAD_ANSWER) from None
        if not isinstance(records, list):
            message = f"{answer.request} was answered without a list of items."
            raise ConnectorError(message, kind=Kind.BAD_ANSWER)
        items, skipped = self._items(records)
        seen = self._seen(records)
        following = go_on(listing, at, seen, more=more, token=token, now=self.session.now())
        return Page(
            items=items,
            cursor=following.write() if following else None,
            complete=not more,
            is_snapshot=listing.cursor.kind == CursorKind.SNAPSHOT,
            skipped=skipped,
        )

    def _items(self, records: Any) -> tuple[tuple[Item, ...], tuple[Skipped, ...]]:
        items, skipped = [], []
        for index, record in enumerate(records):
            which = f"#{index}"
            try:
                which = field_map.reference(self.definition.fields, record)
                strict_json.check(record)
                if self._is_wanted(record):
                    self._check_ref(which)
                    items.append(self._item(record, purpose="list"))
            except UNREADABLE as error:
                skipped.append(Skipped(which=which, why=str(error)))
        return tuple(items), tuple(skipped)

    def _check_ref(self, ref: str) -> None:
        """Raise Unfit for an id that can be listed, and never be asked for."""
        values = field_map.reference_values(self.definition.fields, ref)
        check_filled(self.definition.single.request, {**values, **self.secrets})

    def _is_wanted(self, record: Any) -> bool:
        where = self.definition.listing.where
        return where is None or bool(where.find(record))

    def _seen(self, records: Any) -> Seen:
        numbers = [self._number_of(record) for record in records]
        known = [number for number in numbers if number is not None]
        return Seen([self._time_of(record) for record in records], known)

    def _time_of(self, record: Any) -> datetime | None:
        fields = self.definition.fields
        updated = fields.plain.get("updated")
        try:
            found = updated.find(record) if updated else None
            return read_time(found, fields.time_pattern or None)
        except UNREADABLE:
            return None

    def _number_of(self, record: Any) -> int | None:
        number = self.definition.listing.cursor.number
        try:
            return read_number(number.find(record)) if number else None
        except UNREADABLE:
            return None

    def _item(self, record: Any, ref: str = "", *, purpose: str) -> Item:
        it = self.definition
        item = fitting(
            field_map.read_item(it.fields, record, states=it.states, options=self.options, ref=ref)
        )
        if it.people is None:
            return item
        known = partial(self._known, it.people, purpose=purpose)
        requester = item.requester and known(item.requester)
        return replace(item, requester=requester, approvers=tuple(map(known, item.approvers)))

    def _known(self, look_up: LookUp, person: Person, *, purpose: str) -> Person:
        """Return a person with the address that the system knows elsewhere."""
        if person.email:
            return person
        entry = directory.recall(self._way, person.id)
        entry = entry or self._looked_up(look_up, person.id, purpose=purpose)
        return replace(person, email=entry.email, name=person.name or entry.name)

    def _looked_up(self, look_up: LookUp, person: str, *, purpose: str) -> directory.Entry:
        """Ask who somebody is. Of whom the system says nothing, no address is known."""
        try:
            said = self._read(look_up.request, {"person": person}, purpose=purpose).json
            strict_json.check(said)
            email, name = look_up.email.find(said), look_up.name and look_up.name.find(said)
            entry = directory.Entry(field_map.word(email) or None, field_map.word(name) or None)
            return directory.keep(self._way, person, entry, seconds=directory.FOUND_FOR)
        except ConnectorError as error:
            if error.kind not in NOBODY_KNOWN:
                raise
        except UNREADABLE:
            pass
        nobody = directory.Entry()
        return directory.keep(self._way, person, nobody, seconds=directory.FAILED_FOR)

    def get(self, ref: str) -> Item:
        """Return one approval, with whatever else the definition reads along with it."""
        record, _, _ = self._record(ref)
        return self._readable(ref, record, purpose="get")

    def _readable(self, ref: str, record: Any, *, purpose: str) -> Item:
        try:
            strict_json.check(record)
            return self._item(record, ref, purpose=purpose)
        except UNREADABLE as error:
            raise field_map.unreadable(ref, error) from None

    def _record(self, ref: str, *, purpose: str = "get") -> Record:
        single, fields = self.definition.single, self.definition.fields
        values: dict[str, Any] = field_map.reference_values(fields, ref)
        answer = self._read(single.request, values, purpose=purpose)
        try:
            record = single.item.find(answer.json) if single.item else answer.json
            if record is None or (single.gone and single.gone.find(record)):
                raise Gone(f"{ref[:40]!r} is not an approval (any more)", status=answer.status)
            values |= field_map.item_values(fields, record)
            if single.also and isinstance(record, dict):
                also = {name: self._also(each, values) for name, each in single.also}
                record = {**record, "also": also}
            found = field_map.reference(fields, record)
        except UNREADABLE as error:
            raise field_map.unreadable(ref, error) from None
        if found != ref:
            raise Gone(f"{ref[:40]!r} is answered with another approval", status=answer.status)
        return record, values, answer

    def _also(self, request: Any, values: Mapping[str, Any]) -> Any:
        try:
            return self._read(request, values, purpose="get").json
        except Gone:
            return None

    def _read(self, request: Any, values: Mapping[str, Any], **options: Any) -> Answer:
        answer = send(self.session, request, {**values, **self.secrets}, **options)
        failure = answer.failure()
        if failure is not None:
            raise failure
        return answer

    # -- writing -----------------------------------------------------------------------------------

    def decide(
        self, ref: str, choice: str, *, actor: Actor, comment: str, expected: str, key: str
    ) -> Outcome:
        """Look, name the person where that comes first, and decide what is as it was judged."""
        option = option_of(self.options, choice)
        chosen, note = self.definition.choices[choice], self.definition.note
        said = statement(option=option, actor=actor, comment=comment, key=key)
        try:
            record, values, answer = self._record(ref, purpose="decide")
            item = self._readable(ref, record, purpose="decide")
            refused = refusal(item, option, comment=comment, expected=expected)
            if refused:
                return refused
            if note and note.when == NoteWhen.BEFORE:
                self._write_note({**values, "text": said, "marker": key})
                record, values, answer = self._record(ref, purpose="decide")
                after = self._readable(ref, record, purpose="decide")
                if (after.state, after.material_digest) != (item.state, item.material_digest):
                    detail = "It changed while the note was written."
                    return Outcome(result=Result.CONFLICT, detail=detail)
                item = after
        except ConnectorError as error:
            return outcome_before_sending(error)
        filled = {
            **values,
            "choice": choice,
            "comment": comment,
            "statement": said,
            "key": key,
            "revision": item.revision,
            "etag": answer.etag,
            "actor.email": actor.email,
            "actor.name": actor.name,
            "decided_at": actor.decided_at.isoformat(),
            "receipt": actor.receipt,
        }
        return self._send_decision(ref, chosen, filled)

    def _send_decision(self, ref: str, choice: Choice, values: Mapping[str, Any]) -> Outcome:
        filled = {**values, **self.secrets}
        headers = self.definition.precondition
        try:
            answer = send(self.session, choice.request, filled, purpose="decide", headers=headers)
        except ConnectorError as error:
            return outcome_of_error(error)
        outcome = self._judged(choice, answer)
        if outcome.result != Result.APPLIED:
            return outcome
        try:
            state = self._state_read_back(ref)
        except (ConnectorError, *UNREADABLE) as error:
            return Outcome(result=Result.UNKNOWN, detail=str(error))
        if state == choice.option.state:
            return outcome
        detail = f"It was answered with {answer.status}, and yet it is {state}: {answer.excerpt}"
        return Outcome(result=Result.UNKNOWN, detail=detail)

    def _judged(self, choice: Choice, answer: Answer) -> Outcome:
        for rule in choice.rules:
            if rule.statuses and answer.status not in rule.statuses:
                continue
            try:
                holds = rule.when is None or bool(rule.when.find(answer.json_or_none))
            except ValueError:
                holds = False
            if holds:
                detail = f"{answer.request} was answered with {answer.status}: {answer.excerpt}"
                pause = answer.retry_after
                return Outcome(result=rule.result, detail=detail, retry_after=pause)
        return outcome_of_answer(answer)

    def _state_read_back(self, ref: str) -> State:
        verify, it = self.definition.verify, self.definition
        if verify is None:
            record, _, _ = self._record(ref, purpose="decide")
            return it.states.get(field_map.state_word(it.fields, record), State.UNKNOWN)
        values = field_map.reference_values(it.fields, ref)
        said = self._read(verify.request, values, purpose="decide").json
        return it.states.get(str(verify.state.find(said)), State.UNKNOWN)

    def note(self, ref: str, text: str, marker: str) -> bool:
        """Write a note where the definition has one; where it has none, nothing."""
        if self.definition.note is None or self.definition.note_time == NoteTime.NEVER:
            return False
        _, values, _ = self._record(ref)
        marked = f"{text}\n\n[{marker}]"
        return self._write_note({**values, "text": marked, "marker": marker})

    def _write_note(self, values: dict[str, Any]) -> bool:
        note = self.definition.note
        if note is None or self._has_note(values):
            return False
        answer = send(self.session, note.request, {**values, **self.secrets}, purpose="note")
        failure = answer.failure()
        if failure is not None:
            raise failure
        return True

    def _has_note(self, values: dict[str, Any]) -> bool:
        note = self.definition.note
        if note is None or note.existing is None or note.texts is None:
            return False
        said = self._read(note.existing, values, purpose="note").json
        try:
            texts = note.texts.find(said) or []
        except ValueError as error:
            raise ConnectorError(str(error), kind=Kind.BAD_ANSWER) from None
        return any(f"[{values['marker']}]" in str(each) for each in texts)
