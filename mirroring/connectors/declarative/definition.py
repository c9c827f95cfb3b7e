"""Reading a whole definition. Every mistake is found at once, with its place."""

from collections.abc import Collection

from config.targets import BadTarget, check_saved
from mirroring.connectors.base import (
    BadConfig,
    CursorKind,
    NoteTime,
    Option,
    Problem,
    Result,
    State,
)
from mirroring.connectors.declarative import nodes
from mirroring.connectors.declarative.fields import IDS, names_of, read_fields
from mirroring.connectors.declarative.reader import FIELD, Reader
from mirroring.connectors.declarative.requests import (
    EVERYTHING,
    read_auth,
    read_cursor,
    read_headers,
    read_pages,
    read_request,
)
from mirroring.connectors.declarative.spec import (
    Check,
    Choice,
    Definition,
    Fields,
    Listing,
    LookUp,
    Note,
    NoteWhen,
    PageType,
    Request,
    Rule,
    Single,
    Verify,
)

LIST = ("since", "limit", "offset", "page", "token")
ACTOR = ("actor.email", "actor.name", "decided_at", "receipt")
DECIDE = ("choice", "comment", "statement", "key", "revision", "etag", *ACTOR)
NOTE = ("text", "marker")
PERSON = ("person",)
DECIDED = (State.APPROVED, State.REJECTED, State.CANCELLED)
NAMING = frozenset({"statement", "actor.email", "text"})  # not all systems know a name


def read_definition(text: str) -> Definition:
    """Return what a definition says; raise BadConfig with all that is wrong with it."""
    problems: list[Problem] = []
    root = Reader(nodes.read(text, field=FIELD), "", problems)
    definition = _read(root)
    root.finish()
    if problems:
        raise BadConfig(sorted(problems, key=lambda each: each.line or 0))
    return definition


def _read(root: Reader) -> Definition:
    fields = read_fields(root.child("item", required=True))
    item = names_of(fields)
    limits = root.child("limits")
    note = _note(root.child("note"), item)
    choices = _choices(root, item)
    precondition = root.child("precondition")
    definition = Definition(
        base_url=_base_url(root),
        headers=read_headers(root, ()),
        auth=read_auth(root.child("auth")),
        per_minute=limits.number("requests_per_minute", 0) if limits else 0,
        timeout=limits.number("timeout_seconds", 15, least=1, most=60) if limits else 15,
        largest=_largest(limits),
        listing=_listing(root.child("list", required=True)),
        fields=fields,
        states=read_states(root.child("states", required=True)),
        single=_single(root.child("get", required=True), item),
        choices=choices,
        comment_max=root.number("longest_comment", 0) or None,
        precondition=read_headers(precondition, {*IDS, *DECIDE, *item}) if precondition else (),
        note=note,
        note_time=_note_time(root, note, choices),
        people=_people(root.child("people")),
        verify=_verify(root.child("verify")),
        check=_check(root.child("check")),
    )
    for each in (limits, precondition):
        if each is not None:
            each.finish()
    _check_cursor(root, definition)
    return definition


def _base_url(root: Reader) -> str:
    url = root.text("base_url", required=True)
    if not url:
        return ""
    try:
        check_saved(url)
    except BadTarget as error:
        root.wrong(str(error), "base_url")
    if "?" in url:
        root.wrong("Leave out what begins with '?'.", "base_url")
    return url.rstrip("/")


def _largest(limits: Reader | None) -> int:
    default, most = 4 * 1024 * 1024, 32 * 1024 * 1024
    return limits.number("largest_bytes", default, least=1024, most=most) if limits else default


def _listing(reader: Reader | None) -> Listing:
    if reader is None:
        empty = read_request(None, ())
        return Listing(empty, None, EVERYTHING, None, read_pages(None), read_cursor(None))
    first = reader.child("first_request")
    listing = Listing(
        request=read_request(reader.child("request", required=True), LIST),
        first_request=read_request(first, LIST) if first else None,
        items=reader.expression("items", required=True) or EVERYTHING,
        where=reader.expression("where"),
        pages=read_pages(reader.child("pages")),
        cursor=read_cursor(reader.child("cursor")),
    )
    reader.finish()
    return listing


def _check_cursor(root: Reader, definition: Definition) -> None:
    """Complain about what a request for pages does not use: it would find the same for ever."""
    listing = definition.listing
    used, kind = listing.request.placeholders(), listing.cursor.kind
    since = kind in (CursorKind.KEYSET, CursorKind.SEQUENCE)
    if since and "since" not in used:
        root.wrong(f"The request must use {{since}} with a {kind} cursor.", "list")
    first, whole = listing.first_request, (PageType.NONE, PageType.NEXT_TOKEN)
    if since and first and listing.pages.type not in whole and "since" not in first.placeholders():
        root.wrong("The first request must use {since}, too: pages go on by it.", "list")
    if kind == CursorKind.KEYSET and "updated" not in definition.fields.plain:
        root.wrong("A keyset cursor needs the field updated.", "item")
    wanted = {
        PageType.OFFSET: "offset",
        PageType.PAGE_NUMBER: "page",
        PageType.NEXT_TOKEN: "token",
    }.get(listing.pages.type)
    if wanted and first and wanted not in first.placeholders():
        root.wrong(f"The first request must use {{{wanted}}} with such pages, too.", "list")
    wanted = "offset" if kind == CursorKind.OFFSET else wanted
    if wanted and wanted not in used:
        root.wrong(f"The request must use {{{wanted}}} with such pages.", "list")


def read_states(reader: Reader | None) -> dict[str, State]:
    """Return what each of a system's words means."""
    states: dict[str, State] = {}
    for name in reader or ():
        assert reader is not None
        words = reader.texts(name)
        if name not in tuple(State):
            reader.wrong(f"This must be one of {', '.join(State)}.", name)
            continue
        for word in words:
            if word in states:
                reader.wrong(f"{word!r} is the word for {states[word]} already.", name)
            states[word] = State(name)
    missing = {State.PENDING, State.APPROVED, State.REJECTED} - set(states.values())
    if reader is not None and missing:
        reader.wrong(f"There is no word for {', '.join(sorted(missing))}.")
    return states


def _single(reader: Reader | None, item: Collection[str]) -> Single:
    if reader is None:
        return Single(read_request(None, ()), None, None, ())
    also = reader.child("also")
    single = Single(
        request=read_request(reader.child("request", required=True), IDS),
        item=reader.expression("item"),
        gone=reader.expression("gone"),
        also=tuple((name, read_request(also.child(name), {*IDS, *item})) for name in also or ())
        if also
        else (),
    )
    reader.finish()
    return single


def _choices(root: Reader, item: Collection[str]) -> dict[str, Choice]:
    reader = root.child("decide", required=True)
    common = _rules(root)
    choices = {}
    for code in reader or ():
        inner = reader.child(code) if reader is not None else None
        if inner is not None:
            choices[code] = _choice(inner, code, common, item)
    if reader is not None and not choices:
        reader.wrong("There is no way to decide here.")
    return choices


def _choice(reader: Reader, code: str, common: tuple[Rule, ...], item: Collection[str]) -> Choice:
    state = reader.word("state", State) or State.UNKNOWN
    if "state" in reader and state not in DECIDED:
        reader.wrong("A decision leads to approved, rejected or cancelled.", "state")
    option = Option(
        code=code,
        label=reader.text("label", default=code.replace("_", " ").capitalize()),
        state=state,
        comment_required=reader.flag("comment_required"),
    )
    request = reader.child("request", required=True)
    allowed = {*IDS, *DECIDE, *item}
    choice = Choice(
        option=option,
        request=read_request(request, allowed, method="POST"),
        rules=(*_rules(reader), *common),
    )
    reader.finish()
    return choice


def _rules(reader: Reader) -> tuple[Rule, ...]:
    rules = []
    for each in reader.children("outcomes"):
        rule = Rule(
            statuses=each.numbers("status"),
            when=each.expression("when"),
            result=each.word("outcome", Result) or Result.UNKNOWN,
        )
        if not rule.statuses and rule.when is None:
            each.wrong("This needs a status, or an expression under when.")
        each.finish()
        rules.append(rule)
    return tuple(rules)


def _note(reader: Reader | None, item: Collection[str]) -> Note | None:
    if reader is None:
        return None
    existing = reader.child("existing")
    when = reader.word("when", NoteWhen, NoteWhen.AFTER) or NoteWhen.AFTER
    allowed = {*IDS, *NOTE, *item}
    note = Note(
        when=when,
        request=read_request(reader.child("request", required=True), allowed, method="POST"),
        existing=None,
        texts=None,
    )
    if existing is not None:
        texts = existing.expression("texts", required=True)
        asked = read_request(existing.child("request", required=True), {*IDS, *item})
        note = Note(note.when, note.request, asked, texts)
        existing.finish()
    elif when == NoteWhen.BEFORE:
        reader.wrong("A note before the decision needs existing, so that it is written once.")
    reader.finish()
    return note


def _note_time(root: Reader, note: Note | None, choices: dict[str, Choice]) -> NoteTime:
    """Return when the person is named; a system that never learns it has to say so itself."""
    is_unnamed = root.flag("does_not_name_the_person")
    if note is not None:
        is_after = note.when == NoteWhen.AFTER
        return NoteTime.AFTER_DECISION if is_after else NoteTime.WITH_DECISION
    named = [NAMING & choice.request.placeholders() for choice in choices.values()]
    if all(named) and named:
        return NoteTime.WITH_DECISION
    if not is_unnamed and choices:
        root.wrong(
            "Nothing tells the system which person decided: use {statement} in each request, "
            "or add note, or set does_not_name_the_person: true.",
            "decide",
        )
    return NoteTime.NEVER


def _people(reader: Reader | None) -> LookUp | None:
    if reader is None:
        return None
    look_up = LookUp(
        request=read_request(reader.child("request", required=True), PERSON),
        email=reader.expression("email", required=True) or EVERYTHING,
        name=reader.expression("name"),
    )
    reader.finish()
    return look_up


def _verify(reader: Reader | None) -> Verify | None:
    if reader is None:
        return None
    verify = Verify(
        request=read_request(reader.child("request", required=True), IDS),
        state=reader.expression("state", required=True) or EVERYTHING,
    )
    reader.finish()
    return verify


def _check(reader: Reader | None) -> Check | None:
    if reader is None:
        return None
    request: Request = read_request(reader.child("request", required=True), ())
    check = Check(request, reader.expression("account"), reader.expression("accept"))
    reader.finish()
    return check


__all__ = ["Definition", "Fields", "read_definition"]
