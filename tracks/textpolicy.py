"""The one text policy for everything an agent, a system or an approver types.

What is stored is what is shown and what is digested, so a text is either taken as it stands (after
Unicode normalization) or refused as a whole; nothing is quietly removed or trimmed. Refused is what
a reader cannot see and what reorders what can be seen: all that Unicode calls "default ignorable"
or a control, and the few other characters that show as nothing. The exceptions are the places where
a script or an emoji needs such a character to be written correctly.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from itertools import groupby

ZERO_WIDTH_NON_JOINER = "\u200c"
ZERO_WIDTH_JOINER = "\u200d"
EMOJI_PRESENTATION = "\ufe0f"

# (first, last, reason). Whatever else must not pass is found by its general category.
_REFUSED = (
    (0x061C, 0x061C, "bidirectional control"),
    (0x200E, 0x200F, "bidirectional control"),
    (0x202A, 0x202E, "bidirectional control"),
    (0x2066, 0x2069, "bidirectional control"),
    (0x00AD, 0x00AD, "zero-width character"),
    # The combining grapheme joiner: its uses (sorting, the order of Hebrew marks) are not worth an
    # invisible character.
    (0x034F, 0x034F, "zero-width character"),
    # Khmer inherent vowels: invisible, and Unicode discourages them.
    (0x17B4, 0x17B5, "zero-width character"),
    (0x180E, 0x180E, "zero-width character"),
    (0x200B, 0x200D, "zero-width character"),
    (0x2060, 0x2064, "zero-width character"),
    (0x206A, 0x206F, "zero-width character"),
    (0xFEFF, 0xFEFF, "zero-width character"),
    (0x115F, 0x1160, "blank filler"),
    (0x2800, 0x2800, "blank filler"),
    (0x3164, 0x3164, "blank filler"),
    (0xFFA0, 0xFFA0, "blank filler"),
    (0x16FE4, 0x16FE4, "blank filler"),
    (0x1D159, 0x1D159, "blank filler"),
    (0x180B, 0x180D, "variation selector"),
    (0x180F, 0x180F, "variation selector"),
    (0xFE00, 0xFE0F, "variation selector"),
    (0xE0100, 0xE01EF, "variation selector"),
    (0xE0000, 0xE007F, "tag character"),
    (0x2028, 0x2029, "line or paragraph separator"),
    (0xFFF9, 0xFFFB, "annotation character"),
)
_REASONS = {chr(point): why for first, last, why in _REFUSED for point in range(first, last + 1)}

_CATEGORY_REASONS = {
    "Cc": "control character",
    "Cf": "invisible format character",
    "Cs": "lone surrogate",
    "Co": "private-use character",
}
# Format characters that do show: number signs and abbreviation marks drawn around or above digits.
_VISIBLE_FORMATS = frozenset(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)
# Python knows the characters of the Unicode version it was built with (3.11: 14.0), so emoji, CJK
# ideographs and currency signs of later versions look unassigned to it. These areas are set aside
# for exactly those: whatever comes there is visible, and normalization leaves it alone. Scripts
# younger than the interpreter stay refused; hardly a screen could show them.
_SURE_TO_SHOW = (
    (0x20A0, 0x20CF),  # currency signs
    (0x1F000, 0x1FAFF),  # pictographs
    (0x20000, 0x2FFFF),  # ideographs
    (0x30000, 0x3FFFF),
)

# Emoji=Yes in Unicode's emoji-data.txt, without digits and flag letters; above U+1F000 also the
# room that is left between them for emoji to come.
_EMOJI = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u23cf"
    "\u23e9-\u23f3\u23f8-\u23fa\u24c2\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2600-\u2604\u260e"
    "\u2611\u2614\u2615\u2618\u261d\u2620\u2622\u2623\u2626\u262a\u262e\u262f\u2638-\u263a\u2640"
    "\u2642\u2648-\u2653\u265f\u2660\u2663\u2665\u2666\u2668\u267b\u267e\u267f\u2692-\u2697\u2699"
    "\u269b\u269c\u26a0\u26a1\u26a7\u26aa\u26ab\u26b0\u26b1\u26bd\u26be\u26c4\u26c5\u26c8\u26ce"
    "\u26cf\u26d1\u26d3\u26d4\u26e9\u26ea\u26f0-\u26f5\u26f7-\u26fa\u26fd\u2702\u2705\u2708-\u270d"
    "\u270f\u2712\u2714\u2716\u271d\u2721\u2728\u2733\u2734\u2744\u2747\u274c\u274e\u2753-\u2755"
    "\u2757\u2763\u2764\u2795-\u2797\u27a1\u27b0\u27bf\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c\u2b50"
    "\u2b55\u3030\u303d\u3297\u3299\U0001f004\U0001f0cf\U0001f170\U0001f171\U0001f17e\U0001f17f"
    "\U0001f18e\U0001f191-\U0001f19a\U0001f201\U0001f202\U0001f21a\U0001f22f\U0001f232-\U0001f23a"
    "\U0001f250\U0001f251\U0001f300-\U0001f53d\U0001f546-\U0001f64f\U0001f680-\U0001f6ff"
    "\U0001f7e0-\U0001f7ff\U0001f90c-\U0001f9ff\U0001fa70-\U0001faff"
)
_EMOJI_BASE = re.compile(f"[{_EMOJI}]")
_EMOJI_AT_END = re.compile(rf"[{_EMOJI}]{EMOJI_PRESENTATION}?\Z")
_KEYCAP_BASES = frozenset("0123456789#*")
_ENCLOSING_KEYCAP = "\u20e3"

_BLACK_FLAG = "\U0001f3f4"
# The flag of a part of a country: a region of two letters, one to three letters or digits, the end.
# Longer tails would be room for hidden text.
_SUBDIVISION_FLAG = re.compile(
    f"{_BLACK_FLAG}[\U000e0061-\U000e007a]{{2}}"
    "[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,3}\U000e007f"
)
_LONGEST_FLAG = 7

# Blocks of the scripts whose letters join or stack, where a (non-)joiner changes what is read.
_JOINING_BLOCKS = (
    (0x0600, 0x077F),  # Arabic, Syriac
    (0x07C0, 0x07FF),  # N'Ko
    (0x0840, 0x08FF),  # Mandaic, Syriac and Arabic extensions
    (0x0900, 0x0DFF),  # Devanagari to Sinhala
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x18AF),  # Khmer, Mongolian
    (0x1A20, 0x1AAF),  # Tai Tham
    (0x1B00, 0x1BFF),  # Balinese, Sundanese, Batak
    (0x1CD0, 0x1CFF),  # Vedic extensions
    (0xA840, 0xA87F),  # Phags-pa
    (0xA8E0, 0xA8FF),  # Devanagari extended
    (0xA980, 0xA9FF),  # Javanese, Myanmar extended
    (0xAA60, 0xAA7F),  # Myanmar extended
    (0xAAE0, 0xAAFF),  # Meetei Mayek
    (0xABC0, 0xABFF),  # Meetei Mayek
    (0x10D00, 0x10D3F),  # Hanifi Rohingya
    (0x11000, 0x1114F),  # Brahmi, Kaithi, Chakma
    (0x11180, 0x111FF),  # Sharada, Sinhala numbers
    (0x11400, 0x114DF),  # Newa, Tirhuta
    (0x1E900, 0x1E95F),  # Adlam
)
_VIRAMA_CLASS = 9
_MONGOLIAN_SELECTORS = frozenset("\u180b\u180c\u180d\u180f")

# The three marks without a combining class of their own that decompose into marks with one.
_TIBETAN_VOWELS = {
    "\u0f73": "\u0f71\u0f72",
    "\u0f75": "\u0f71\u0f74",
    "\u0f81": "\u0f71\u0f80",
}


class UnsafeText(ValueError):
    """Refuses a text because of one character that could deceive its reader.

    `offset` counts code points of the normalized text.
    """

    def __init__(self, code_point: int, offset: int, reason: str) -> None:
        super().__init__(code_point, offset, reason)
        self.code_point = code_point
        self.offset = offset
        self.reason = reason

    @property
    def label(self) -> str:
        """Write the code point as people do: `U+202E`."""
        return f"U+{self.code_point:04X}"

    def __str__(self) -> str:
        return f"{self.label} at offset {self.offset}: {self.reason}"


def clean(text: str, *, multiline: bool) -> str:
    """Return the text in NFC, or raise `UnsafeText` for its first deceptive character.

    Line breaks (CRLF and CR become LF) and tabs may stand only in a `multiline` text.
    """
    if multiline:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _nfc(text)
    for offset, reason in _findings(text, multiline=multiline):
        raise UnsafeText(ord(text[offset]), offset, reason)
    return text


def is_blank(text: str) -> bool:
    """Tell whether a text is empty or only white space, which counts as missing."""
    return not text.strip()


def subject_line(text: str, limit: int = 120) -> str:
    """Return any text as one line, without deceptive characters, of at most `limit` code points.

    For the subject of a mail. Refuses nothing: line breaks become spaces, the rest is dropped.
    """
    line = _without_findings(" ".join(_nfc(text).split()))
    line = _nfc(" ".join(line.split()))
    if len(line) <= limit:
        return line
    end = limit - 1
    while end > 0 and _continues(line, end):
        end -= 1
    # One endless cluster has no boundary to cut at; what a hard cut leaves of it may be refused.
    head = line[:end] if end else _without_findings(line[: limit - 1])
    return head.rstrip() + "…"


def escaped(text: str) -> str:
    """Return any text with its deceptive characters written as JSON writes them: `\\u202e`.

    For staff, who have to see what a system says as it is. Line breaks and tabs stay.
    """
    found = {offset for offset, _ in _findings(text, multiline=True)}
    return "".join(
        json.dumps(char)[1:-1] if offset in found else char for offset, char in enumerate(text)
    )


def _nfc(text: str) -> str:
    """Normalize in time linear in the length.

    CPython sorts a run of combining marks by insertion: 20,000 marks in the wrong order cost it a
    second, 200,000 more than a minute. Sorting them first, which normalization does not see, leaves
    it nothing to move.
    """
    if text.isascii():
        return text
    for vowel, marks in _TIBETAN_VOWELS.items():
        text = text.replace(vowel, marks)
    ordered: list[str] = []
    for is_mark, run in groupby(text, key=lambda char: unicodedata.combining(char) > 0):
        chars = list(run)
        ordered += sorted(chars, key=unicodedata.combining) if is_mark else chars
    return unicodedata.normalize("NFC", "".join(ordered))


def _findings(text: str, *, multiline: bool) -> Iterator[tuple[int, str]]:
    """Yield the offset of each character that must not stand where it stands, and the reason."""
    allowed = frozenset("\n\t") if multiline else frozenset()
    suspects = {char for char in set(text) - allowed if char in _REASONS or not char.isprintable()}
    if not suspects:
        return
    for offset, char in enumerate(text):
        if char in suspects and (reason := _reason(text, offset)):
            yield offset, reason


def _without_findings(text: str) -> str:
    dropped = {offset for offset, _ in _findings(text, multiline=False)}
    return "".join(char for offset, char in enumerate(text) if offset not in dropped)


def _reason(text: str, offset: int) -> str | None:
    char = text[offset]
    if reason := _REASONS.get(char):
        return None if _is_needed(text, offset) else reason
    category = unicodedata.category(char)
    if category == "Cf" and char in _VISIBLE_FORMATS:
        return None
    if category == "Cn":
        return _reason_if_unassigned(ord(char))
    return _CATEGORY_REASONS.get(category)


def _reason_if_unassigned(point: int) -> str | None:
    if 0xFDD0 <= point <= 0xFDEF or point & 0xFFFE == 0xFFFE:
        return "noncharacter"
    if any(first <= point <= last for first, last in _SURE_TO_SHOW):
        return None
    return "unassigned code point"


def _is_needed(text: str, offset: int) -> bool:
    """Tell whether the script or the emoji around an invisible character needs it there."""
    char = text[offset]
    before, after = text[max(offset - 2, 0) : offset], text[offset + 1 : offset + 2]
    if char == EMOJI_PRESENTATION:
        if before[-1:] in _KEYCAP_BASES:
            return after == _ENCLOSING_KEYCAP
        return bool(_EMOJI_BASE.fullmatch(before[-1:]))
    if char == ZERO_WIDTH_JOINER and _EMOJI_AT_END.search(before):
        return bool(_EMOJI_BASE.fullmatch(after))
    if char in (ZERO_WIDTH_JOINER, ZERO_WIDTH_NON_JOINER):
        return _joins(before[-1:], after)
    if char in _MONGOLIAN_SELECTORS:
        return "\u1820" <= before[-1:] <= "\u18aa"
    if 0xE0000 <= ord(char) <= 0xE007F:
        return _is_in_flag(text, offset)
    return False


def _joins(before: str, after: str) -> bool:
    """Tell whether a (non-)joiner may stand between two characters (compare RFC 5892, A.1 and A.2).

    Between letters of joining scripts, and after a virama also at the end of a word, where
    Malayalam has it.
    """
    if not _is_of_joining_script(before):
        return False
    return unicodedata.combining(before) == _VIRAMA_CLASS or _is_of_joining_script(after)


def _is_of_joining_script(char: str) -> bool:
    if not char or unicodedata.category(char)[0] not in "LM":
        return False
    return any(first <= ord(char) <= last for first, last in _JOINING_BLOCKS)


def _is_in_flag(text: str, offset: int) -> bool:
    start = text.rfind(_BLACK_FLAG, max(offset - _LONGEST_FLAG + 1, 0), offset)
    flag = _SUBDIVISION_FLAG.match(text, start) if start >= 0 else None
    return flag is not None and offset < flag.end()


def _continues(text: str, offset: int) -> bool:
    """Tell whether a cut before this character would tear apart what people see as one."""
    char, before = text[offset], text[offset - 1]
    if _is_flag_letter(char) and _is_flag_letter(before):
        letters = 0
        while letters < offset and _is_flag_letter(text[offset - 1 - letters]):
            letters += 1
        return letters % 2 == 1
    return (
        unicodedata.category(char) in ("Mn", "Mc", "Me", "Cf")
        or "\U0001f3fb" <= char <= "\U0001f3ff"
        or before == ZERO_WIDTH_JOINER
        or unicodedata.combining(before) == _VIRAMA_CLASS
    )


def _is_flag_letter(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


# What mail clients turn into links, and `defuse` takes apart: what begins with a scheme or "www.",
# whatever follows; network paths (Outlook); words with a dot or an at-sign that could be a domain.
_OPENERS = re.compile(
    r":(?=//)|\\(?=\\\w)|\b(?:www|ftp)(?=\.\S)"
    r"|\b(?:mailto|tel|sms|callto|skype|file|news|outlook|onenote):(?=[^\s\u200c])",
    re.IGNORECASE,
)
# A run of anything that may stand in a domain or an address: no space, no other ASCII punctuation.
_WORD = re.compile(r"[^\s!-,/:-?\[-^`{-~]+")
_SEPARATOR = re.compile(r"([.@\u3002\uff0e\uff61])(?=.)")
# A top-level domain begins with two letters (the second may be a mark). The full stops of Chinese
# and Japanese, which browsers take for dots, end sentences between ideographs; so a Latin letter
# has to follow.
_DOMAIN_END = re.compile(
    r"[^.@][.@][^\W\d_](?:[^\W\d_]|[^\x00-\x7f])"
    r"|[^.@][\u3002\uff0e\uff61][A-Za-z\uff21-\uff3a\uff41-\uff5a]"
)
_OCTET = r"(?:25[0-5]|2[0-4]\d|[01]?\d?\d)"
_IP_ADDRESS = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}\.?")


def defuse(text: str) -> str:
    """Return text that looks the same but that a mail client has nothing to make a link of.

    For agent text in mails, plain and HTML alike (before escaping). Inserts U+200C, the zero width
    non-joiner, behind the dots, at-signs and colons of whatever could become a link (and behind a
    "www"); takes nothing away. Sums, percentages, times and version numbers stay as they are.

    Why this character and this place: behind a dot it becomes part of the next label, so no list of
    top-level domains matches, and there is no other part of the word left to link. Some old clients
    take any character for part of a domain; then the browser refuses the address, because UTS #46
    (CheckJoiners) keeps the non-joiner and finds it invalid, whereas it drops a word joiner, a zero
    width space or a soft hyphen and opens the very page.
    """
    text = _OPENERS.sub(rf"\g<0>{ZERO_WIDTH_NON_JOINER}", text)
    return _WORD.sub(_defuse_word, text)


def _defuse_word(match: re.Match[str]) -> str:
    word = match[0]
    if _DOMAIN_END.search(word) or _IP_ADDRESS.fullmatch(word):
        return _SEPARATOR.sub(rf"\1{ZERO_WIDTH_NON_JOINER}", word)
    return word
