"""Labels that deceive: two that look the same, and two that say the opposite of what they do."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from functools import cache, lru_cache
from importlib.resources import files

# The text policy lets these stand next to a letter or an emoji; nobody tells labels apart by them.
_UNSEEN = dict.fromkeys(map(ord, "\u200c\u200d\ufe0f"))
_APOSTROPHES = dict.fromkeys(map(ord, "\u2019\u02bc"), "'")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


APPROVING = _words(
    "accept accepted accepting accepts agree agreed agrees allow allowed allows approve approved"
    " approves approving authorise authorised authorize authorized confirm confirmed confirms"
    " consent grant granted ok okay paid pay pays permit permitted proceed yeah yep yes"
)
REJECTING = _words(
    "decline declined declines declining denied denies deny disagree disallow disapprove"
    " disapproved forbid object objection objections objects refusal refuse refused refuses reject"
    " rejected rejecting rejection rejects veto"
)
# What these name is often the very thing to approve ("Cancel the order", "Send 114, hold 6"), so in
# an accept label they mean the opposite only when they are all it says.
HALTING = _words("abort block cancel cancelled halt hold holding pause stop stopped wait withhold")
NEGATING = _words(
    "no nope not never without cannot can't don't dont doesn't didn't isn't won't wouldn't"
    " shouldn't mustn't"
)
# Before a noun these need not refuse anything: "No changes needed", "Without a discount".
_BEFORE_NOUNS = frozenset({"no", "without"})
# Words without a meaning of their own: "No, thank you" refuses, and "Hold it now" says only "hold".
_FILLING = _words("all everything it just now please thank thanks that this way you")

_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[^\w\s'-]")


def skeleton(label: str) -> str:
    """Return what the eye keeps of a label, to compare with others; not for showing to anyone.

    The skeleton of Unicode Technical Standard #39 over the compatibility form (decomposed, so that
    accents are compared on their own), case folded, white space folded. For labels whose length has
    been checked: sorting accents takes time quadratic in their number.
    """
    prototypes = _prototypes()
    text = unicodedata.normalize("NFKD", label).translate(_UNSEEN)
    text = "".join(prototypes.get(char, char) for char in text)
    text = unicodedata.normalize("NFD", text.casefold())
    return " ".join(text.split())


def find_lookalikes(labels: Sequence[str]) -> tuple[int, int] | None:
    """Return the position of the first label that looks like an earlier one, behind that one's.

    Labels are compared as written, where "I" looks like "l" and "1", and in lower case, where it is
    an "i". A single comparison for both would merge "i" with "l" too, and so "Mail" with "Mall".
    """
    seen: dict[tuple[str, str], int] = {}
    for position, label in enumerate(labels):
        views = [("as written", skeleton(label)), ("lower case", skeleton(_lower(label)))]
        earlier = [seen[view] for view in views if view in seen]
        if earlier:
            return min(earlier), position
        seen.update(dict.fromkeys(views, position))
    return None


def contradicts(
    accept_label: str,
    reject_label: str,
    *,
    approving: Collection[str] = APPROVING,
    rejecting: Collection[str] = REJECTING,
    halting: Collection[str] = HALTING,
    negating: Collection[str] = NEGATING,
) -> bool:
    """Tell whether a button seems to say the opposite of what it does. Good for a warning only.

    The accept label does when it rejects and approves nothing, the reject label when it approves
    and rejects nothing. A negation turns round the next such word: "No objection" approves.
    """
    lexicon = _lexicon(
        frozenset(approving), frozenset(rejecting), frozenset(halting), frozenset(negating)
    )
    accept, reject = _says(accept_label, lexicon), _says(reject_label, lexicon)
    return ("reject" in accept and "approve" not in accept) or reject == {"approve"}


def _lower(label: str) -> str:
    return unicodedata.normalize("NFKC", label).casefold()


@cache
def _prototypes() -> dict[str, str]:
    """Map each confusable character to what stands for all that look like it.

    The package lists for each character, in both directions, what it is confusable with. Single
    characters form stars around the prototypes of Unicode's confusables.txt, so no two of those are
    ever merged; a sequence ("rn") is always a prototype itself, of what lists it ("m").
    """
    path = files("confusable_homoglyphs").joinpath("confusables.json")
    data: dict[str, list[dict[str, str]]] = json.loads(path.read_text(encoding="utf-8"))
    # Right-to-left characters come wrapped in left-to-right marks.
    links = {
        _unwrap(text): [_unwrap(entry["c"]) for entry in entries] for text, entries in data.items()
    }
    singles = {text: _center(text, links) for text in links if len(text) == 1}
    # The prototype of "1", "I" and "|" is "l", which folding would merge with "L".
    singles = {text: "1" if center == "l" else center for text, center in singles.items()}
    return {
        text: "".join(singles.get(char, char) for char in center)
        for text, center in singles.items()
    }


def _unwrap(text: str) -> str:
    return text.strip("\u200e") or text


def _center(char: str, links: dict[str, list[str]]) -> str:
    """Return the sequence this character is drawn like, or the middle of its star."""
    sequences = [text for text in links[char] if len(text) > 1]
    if sequences:
        return min(sequences)
    # Two that are linked only to each other have no middle; either will do.
    return max([char, *links[char]], key=lambda text: (len(links[text]), -ord(text)))


@lru_cache(maxsize=16)
def _lexicon(
    approving: frozenset[str],
    rejecting: frozenset[str],
    halting: frozenset[str],
    negating: frozenset[str],
) -> dict[str, str]:
    """Map the skeleton of each word to its meaning, so that disguised words are known as well."""
    meanings = {
        "filling": _FILLING,
        "negate": negating,
        "negate noun": negating & _BEFORE_NOUNS,
        "halt": halting,
        "reject": rejecting,
        "approve": approving,
    }
    return {skeleton(_lower(word)): kind for kind, words in meanings.items() for word in words}


def _says(label: str, lexicon: dict[str, str]) -> set[str]:
    """Return which of "approve", "reject" and "halt" a label says, negations worked in."""
    clauses = list(_clauses(label, lexicon))
    said = {meaning for clause in clauses for meaning in _clause_says(clause)}
    if "halt" in said and all(kind in ("halt", "filling") for clause in clauses for kind in clause):
        said.add("reject")
    return said


def _clauses(label: str, lexicon: dict[str, str]) -> Iterator[list[str]]:
    """Yield the meanings of the words between two punctuation marks, "" for a word without any."""
    clause: list[str] = []
    text = unicodedata.normalize("NFKC", label).translate(_APOSTROPHES)
    for token in _TOKEN.findall(text):
        if token[0].isalnum():
            as_written, lower = lexicon.get(skeleton(token)), lexicon.get(skeleton(_lower(token)))
            clause.append(as_written or lower or "")
        else:
            yield clause
            clause = []
    yield clause


def _clause_says(clause: list[str]) -> Iterator[str]:
    opposite = {"approve": "reject", "reject": "approve", "halt": "approve"}
    negation, rest = "", clause
    for position, kind in enumerate(clause):
        if kind.startswith("negate"):
            negation, rest = kind, clause[position + 1 :]
        elif kind in opposite:
            yield opposite[kind] if negation else kind
            negation = ""
    if negation == "negate" or (negation and all(kind == "filling" for kind in rest)):
        yield "reject"
