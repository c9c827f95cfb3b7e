"""The text policy: each refused character at its edges, what must pass, and what mails show."""

import pickle
import re
import unicodedata

import idna
import pytest
from django.utils.html import urlize
from hypothesis import example, given
from hypothesis import strategies as st

from tracks import textpolicy
from tracks.textpolicy import UnsafeText, clean, defuse, escaped, is_blank, subject_line

# Written from the requirement, not from the code.
RANGES = [
    # first, last, reason, whether the code point before and the one behind are fine
    (0x0000, 0x001F, "control character", None, True),
    (0x007F, 0x009F, "control character", True, True),
    (0x00AD, 0x00AD, "zero-width character", True, True),
    (0x034F, 0x034F, "zero-width character", True, True),
    (0x061C, 0x061C, "bidirectional control", True, True),
    (0x115F, 0x1160, "blank filler", True, True),
    (0x17B4, 0x17B5, "zero-width character", True, True),
    (0x180B, 0x180D, "variation selector", True, False),
    (0x180E, 0x180E, "zero-width character", False, False),
    (0x180F, 0x180F, "variation selector", False, True),
    (0x200B, 0x200D, "zero-width character", True, False),
    (0x200E, 0x200F, "bidirectional control", False, True),
    (0x2028, 0x2029, "line or paragraph separator", True, False),
    (0x202A, 0x202E, "bidirectional control", False, True),
    (0x2060, 0x2064, "zero-width character", True, False),
    (0x2065, 0x2065, "unassigned code point", False, False),
    (0x2066, 0x2069, "bidirectional control", False, False),
    (0x206A, 0x206F, "zero-width character", False, True),
    (0x2800, 0x2800, "blank filler", True, True),
    (0x3164, 0x3164, "blank filler", True, True),
    (0xD800, 0xDFFF, "lone surrogate", None, False),
    (0xE000, 0xF8FF, "private-use character", False, True),
    (0xFDD0, 0xFDEF, "noncharacter", True, True),
    (0xFE00, 0xFE0F, "variation selector", True, True),
    (0xFEFF, 0xFEFF, "zero-width character", False, False),
    (0xFFA0, 0xFFA0, "blank filler", True, True),
    (0xFFF0, 0xFFF8, "unassigned code point", None, False),
    (0xFFF9, 0xFFFB, "annotation character", False, True),
    (0xFFFE, 0xFFFF, "noncharacter", True, True),
    (0x13430, 0x13438, "invisible format character", None, None),
    (0x16FE4, 0x16FE4, "blank filler", True, None),
    (0x1BCA0, 0x1BCA3, "invisible format character", True, None),
    (0x1D159, 0x1D159, "blank filler", True, True),
    (0x1D173, 0x1D17A, "invisible format character", True, True),
    (0x1FFFE, 0x1FFFF, "noncharacter", None, True),
    (0x2FFFE, 0x2FFFF, "noncharacter", True, True),
    (0x3FFFE, 0x3FFFF, "noncharacter", True, None),
    (0xE0000, 0xE007F, "tag character", False, False),
    (0xE0080, 0xE00FF, "unassigned code point", False, False),
    (0xE0100, 0xE01EF, "variation selector", False, False),
    (0xE01F0, 0xE01F0, "unassigned code point", False, False),
    (0xEFFFE, 0xEFFFF, "noncharacter", False, False),
    (0xF0000, 0xFFFFD, "private-use character", False, False),
    (0xFFFFE, 0xFFFFF, "noncharacter", False, False),
    (0x100000, 0x10FFFD, "private-use character", False, False),
    (0x10FFFE, 0x10FFFF, "noncharacter", False, None),
]
REFUSED_ALONE = {point for first, last, *_ in RANGES for point in range(first, last + 1)}
# Needed by a script or an emoji in the right place.
CONTEXTUAL = (
    {0x200C, 0x200D, 0xFE0F, 0x180B, 0x180C, 0x180D, 0x180F}
    | set(range(0xE0030, 0xE003A))
    | set(range(0xE0061, 0xE007B))
    | {0xE007F}
)
NEVER = {chr(point) for point in REFUSED_ALONE - CONTEXTUAL} - {"\n", "\t"}

# Characters at which every rule looks, to make collisions likely.
NASTY = (
    "aZ1#* .\n\r\t\u200b\u200c\u200d\u200e\u202e\u2060\u2066\u2028\ufe0e\ufe0f\u20e3\u00ad\ufeff"
    "\u0301\u0323\u0344\u0f73\u0f81\u06cc\u062e\u0653\u0915\u094d\u093c\u0d28\u180b\u1820\u1112"
    "\u1161\u11ab\u00a9\u2764\u2642\U0001f3f4\U0001f468\U0001f3fd\U0001f1e9\U0001f1ea\U000e0067"
    "\U000e0062\U000e007f\U000e0100\ud83d\ude00\ue000\ufdd0\U0010ffff\u0000\u0085\u3002@:/\\w"
)
anything = st.text(
    st.one_of(st.sampled_from(NASTY), st.characters(exclude_categories=())), max_size=40
)


def refusal(text, multiline=False):
    """Return the code point and the offset for which a text is refused."""
    with pytest.raises(UnsafeText) as caught:
        clean(text, multiline=multiline)
    return caught.value.code_point, caught.value.offset


def is_fine(text, multiline=False):
    try:
        clean(text, multiline=multiline)
    except UnsafeText:
        return False
    return True


@pytest.mark.parametrize(("first", "last", "reason", "before", "behind"), RANGES)
def test_a_refused_range_ends_where_it_should(first, last, reason, before, behind):
    for point in {first, last}:
        with pytest.raises(UnsafeText) as caught:
            clean(f"|é{chr(point)}|", multiline=False)
        error = caught.value
        assert (error.code_point, error.offset, error.reason) == (point, 2, reason)
    if before is not None:
        assert is_fine(f"|é{chr(first - 1)}|") == before
    if behind is not None:
        assert is_fine(f"|é{chr(last + 1)}|") == behind


def test_every_code_point_is_judged_as_the_requirement_says():
    # The planes between these are empty, those behind are for private use.
    points = [*range(0x40010), *range(0xDFFF0, 0xE1000)]
    # One line with all of them: what is dropped from it is what would be refused.
    kept = set(subject_line("|".join(map(chr, points)), limit=0x400000))

    def expected(point):
        char = chr(point)
        if point in REFUSED_ALONE or unicodedata.category(char) == "Cf":
            return point in {0x600, 0x601, 0x602, 0x603, 0x604, 0x605, 0x6DD, 0x70F, 0x890, 0x891,
                             0x8E2, 0x110BD, 0x110CD}  # fmt: skip
        if unicodedata.category(char) == "Cn":
            later = [(0x20A0, 0x20CF), (0x1F000, 0x1FAFF), (0x20000, 0x2FFFD), (0x30000, 0x3FFFD)]
            return any(first <= point <= last for first, last in later)
        return not char.isspace() or char == " "

    expected_kept = {
        char
        for point in points
        if expected(point)
        for char in unicodedata.normalize("NFC", chr(point))
    }
    assert {hex(ord(char)) for char in kept ^ expected_kept} == set()


@pytest.mark.parametrize(
    "text",
    [
        "Approve 114 invoices ($2,592.00, 8.5%)",
        "Zoë’s “note” – naïve façade… 50 € ½",
        "Übergröße, Straße",
        "Ничего не менять",
        "Επιλογή",
        "שלום עולם",
        "שָׁלוֹם",
        "السلام عليكم",
        "می\u200cخواهم",
        "کار\u200cها",
        "न\u0940क\u094d\u200dष",
        "क\u094d\u200cष",
        "র\u200d\u09cdয",
        "ന\u0d4d\u200d ",
        "ක\u0dca\u200dර",
        "ប\u17ca\u200c\u17b8",
        "\u1820\u180b\u182d\u180f",
        "繁體中文、简体中文。",
        "日本語ーｶﾅ",
        "한국어",
        "\u1112\u1161\u11ab",
        "ภาษาไทย",
        "Trường hợp",
        "z\u0308\u0323\u0331\u0301",
        "no\u00a0break\u202fspace\u3000wide",
    ],
)
def test_what_people_write_passes_and_comes_back_normalized(text):
    assert clean(text, multiline=False) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(
    "emoji",
    [
        "\U0001f600",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466",  # family
        "\U0001f44d\U0001f3fd",  # thumbs up, skin tone
        "\U0001f469\U0001f3fd\u200d\U0001f680",  # astronaut, skin tone
        "1\ufe0f\u20e3",
        "#\ufe0f\u20e3",
        "*\ufe0f\u20e3",
        "0\u20e3",
        "\U0001f3f3\ufe0f\u200d\U0001f308",  # rainbow flag
        "\U0001f3f4\u200d\u2620\ufe0f",  # pirate flag
        "\u2764\ufe0f\u200d\U0001f525",  # heart on fire
        "\U0001f1e9\U0001f1ea",  # flag of Germany
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",  # Scotland
        "\U0001f3f4\U000e0075\U000e0073\U000e0074\U000e0078\U000e007f",  # Texas
        "\u26a0\ufe0f",
        "\u00a9\ufe0f",
        "\u3299\ufe0f",
        "\u2640\ufe0f",
        "\U0001f9d1\u200d\U0001f91d\u200d\U0001f9d1",
        "\U0001f642\u200d\u2194\ufe0f",  # Unicode 15.1
        "\U0001f408\u200d\u2b1b",
        "\U0001fae8",  # Unicode 15.0
        "\U0001fae9",  # Unicode 16.0
        "\U0001f6d8",  # Unicode 17.0
    ],
)
def test_an_emoji_passes_anywhere(emoji):
    assert clean(emoji, multiline=False) == emoji
    assert clean(f"a{emoji}{emoji}\nb", multiline=True) == f"a{emoji}{emoji}\nb"


@pytest.mark.parametrize("point", [0x20C1, 0x2EBF0, 0x31350, 0x323AF, 0x323B0, 0x33479])
def test_a_sign_or_ideograph_younger_than_the_interpreter_passes(point):
    assert clean(chr(point), multiline=False) == chr(point)


@pytest.mark.skipif(unicodedata.unidata_version != "14.0.0", reason="about Unicode 14")
@pytest.mark.parametrize("point", [0x0378, 0x209F, 0x1E4D0, 0x1FB93, 0x1FFFD, 0x40000])
def test_other_unassigned_code_points_are_refused(point):
    assert unicodedata.category(chr(point)) == "Cn"
    assert refusal(f"x{chr(point)}") == (point, 1)


@pytest.mark.parametrize(
    ("text", "code_point", "offset"),
    [
        # joiners
        ("ap\u200cprove", 0x200C, 2),
        ("ap\u200dprove", 0x200D, 2),
        ("\u200c", 0x200C, 0),
        ("می\u200c", 0x200C, 2),
        ("می\u200c خواهم", 0x200C, 2),
        ("\u200cمی", 0x200C, 0),
        ("می\u200c\u200cخواهم", 0x200C, 2),
        ("۱\u200c۲", 0x200C, 1),
        ("،\u200cم", 0x200C, 1),
        ("م\u200ca", 0x200C, 1),
        ("क\u200d", 0x200D, 1),
        ("ש\u200cל", 0x200C, 1),
        ("中\u200d文", 0x200D, 1),
        ("\U0001f468\u200c\U0001f469", 0x200C, 1),
        ("\U0001f468\u200d", 0x200D, 1),
        ("\U0001f468\u200da", 0x200D, 1),
        ("a\u200d\U0001f468", 0x200D, 1),
        ("\U0001f468\u200d\u200d\U0001f469", 0x200D, 1),
        ("\U0001f1e9\u200d\U0001f1ea", 0x200D, 1),
        # the emoji variation selector
        ("\ufe0f", 0xFE0F, 0),
        ("a\ufe0f", 0xFE0F, 1),
        ("1\ufe0f", 0xFE0F, 1),
        ("1\ufe0f2", 0xFE0F, 1),
        ("#\ufe0f ", 0xFE0F, 1),
        ("a\ufe0f\u20e3", 0xFE0F, 1),
        ("\u2764\ufe0f\ufe0f", 0xFE0F, 2),
        ("\u2764\ufe0e", 0xFE0E, 1),
        ("中\ufe00", 0xFE00, 1),
        ("葛\U000e0100", 0xE0100, 1),
        ("\u1100\ufe0f", 0xFE0F, 1),
        # Mongolian variation selectors
        ("a\u180b", 0x180B, 1),
        ("\u1820\u180b\u180c", 0x180C, 2),
        # flags
        ("\U000e0067", 0xE0067, 0),
        ("\U0001f3f4\U000e0067\U000e0062", 0xE0067, 1),
        ("\U0001f3f4\U000e007f", 0xE007F, 1),
        ("\U0001f3f4\U000e0067\U000e0062\U000e007f", 0xE0067, 1),
        ("\U0001f3f4\U000e0031\U000e0062\U000e0063\U000e007f", 0xE0031, 1),
        ("\U0001f3f4\U000e0047\U000e0042\U000e0043\U000e007f", 0xE0047, 1),
        ("\U0001f3f4\U000e0067\U000e0062\U000e0020\U000e007f", 0xE0067, 1),
        ("\U0001f3f3\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f", 0xE0067, 1),
        ("\U0001f3f4" + "\U000e0067" * 6 + "\U000e007f", 0xE0067, 1),
        ("\U0001f3f4" + "\U000e0067" * 5 + "\U000e007f\U000e007f", 0xE007F, 7),
        ("\U0001f3f4" + "\U000e0067" * 5 + "\U000e007f\U000e0067", 0xE0067, 7),
        ("\U0001f3f4\U000e0067\U000e0062\U000e0061\U000e007f\U000e0062", 0xE0062, 5),
        (
            "\U0001f3f4\U000e0067 \U0001f3f4\U000e0067\U000e0062\U000e0061\U000e007f",
            0xE0067,
            1,
        ),
        # the first one counts, in code points of the normalized text
        ("a\u202eb\u200b", 0x202E, 1),
        ("a\u200bb\u202e", 0x200B, 1),
        ("e\u0301\u202e", 0x202E, 1),
        ("\U0001f600\U0001f600\u202e", 0x202E, 2),
        ("\u1112\u1161\u11ab\u3164", 0x3164, 1),
        ("\ud83d\ude00", 0xD83D, 0),
        # line breaks and tabs where they do not belong
        ("a\nb", 0x0A, 1),
        ("a\r\nb", 0x0D, 1),
        ("a\tb", 0x09, 1),
    ],
)
def test_a_character_out_of_place_is_refused(text, code_point, offset):
    assert refusal(text) == (code_point, offset)


@pytest.mark.parametrize(
    ("text", "code_point", "offset"),
    [
        ("a\r\nb\u202e", 0x202E, 3),
        ("a\rb\u202e", 0x202E, 3),
        ("\u0085", 0x85, 0),
        ("a\x0bb", 0x0B, 1),
        ("a\x0cb", 0x0C, 1),
        ("a\x00b", 0x00, 1),
        ("a\x1bb", 0x1B, 1),
        ("a\u2028b", 0x2028, 1),
    ],
)
def test_a_multiline_text_is_judged_after_its_line_breaks(text, code_point, offset):
    assert refusal(text, multiline=True) == (code_point, offset)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("a\r\nb\rc\nd", "a\nb\nc\nd"),
        ("a\r\r\nb\n\rc", "a\n\nb\n\nc"),
        ("\ta\t", "\ta\t"),
        (" a \n", " a \n"),
        ("", ""),
        ("e\u0301", "\u00e9"),
        ("\u212b", "\u00c5"),
        ("\u2126", "\u03a9"),
        ("\uf900", "\u8c48"),
    ],
)
def test_line_breaks_become_lf_and_nothing_is_trimmed(text, cleaned):
    assert clean(text, multiline=True) == cleaned


def test_the_error_carries_what_the_api_answers():
    error = UnsafeText(0x202E, 5, "bidirectional control")
    assert isinstance(error, ValueError)
    assert (error.label, str(error)) == ("U+202E", "U+202E at offset 5: bidirectional control")
    assert UnsafeText(0xA, 0, "").label == "U+000A"
    assert UnsafeText(0xE0041, 0, "").label == "U+E0041"
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.code_point, copy.offset, copy.reason) == (0x202E, 5, "bidirectional control")


@pytest.mark.parametrize("text", ["", " ", "\n", "\t \r\n", "\u00a0", "\u3000\u2003"])
def test_white_space_alone_is_blank(text):
    assert is_blank(text)


@pytest.mark.parametrize("text", ["a", " a ", "0", ".", "\u00a0-\u00a0", "\U0001f600"])
def test_anything_else_is_not_blank(text):
    assert not is_blank(text)


def outcome(text, multiline):
    """Return the cleaned text or the refusal; whatever else is raised fails the test."""
    try:
        return clean(text, multiline=multiline)
    except UnsafeText as error:
        return error


@given(anything, st.booleans())
@example("\u0f73\u0301\u0f73", False)
def test_clean_gives_the_normal_form_or_unsafe_text_and_nothing_else(text, multiline):
    lines = text.replace("\r\n", "\n").replace("\r", "\n") if multiline else text
    normal = unicodedata.normalize("NFC", lines)
    result = outcome(text, multiline)
    if isinstance(result, UnsafeText):
        char = chr(result.code_point)
        assert normal[result.offset] == char
        assert result.code_point in REFUSED_ALONE or unicodedata.category(char) in {"Cn", "Cf"}
        # It is the first: what stands before it passes, unless that needs the rest.
        head = normal[: result.offset]
        assert is_fine(f"{head}\u0915", multiline) or set(head) & set(map(chr, CONTEXTUAL))
        return
    assert result == normal
    assert clean(result, multiline=multiline) == result
    assert not NEVER & set(result)
    assert multiline or not set("\n\t") & set(result)
    assert not re.search("[\u200c\u200d]{2}|\ufe0f{2}|^[\u200c\u200d\ufe0f]", result)
    result.encode()


@given(st.text(st.sampled_from("aé\u0301\u0323\u0327\u0345\u0f71\u0f73\u0f75\u0f81\u0344ガ゙ॺ़각ᆨ")))
def test_the_normal_form_is_unicode_s(text):
    assert clean(text, multiline=False) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(
    "marks",
    ["\u0301\u0323" * 100_000, "\u0301" * 100_000 + "\u0323" * 100_000, "\u0f73" * 200_000],
)
def test_combining_marks_reach_the_normalizer_in_order(marks, monkeypatch):
    # Out of order they cost it time quadratic in their number: these a minute and more.
    seen = []
    normalize = unicodedata.normalize
    monkeypatch.setattr(
        textpolicy.unicodedata,
        "normalize",
        lambda form, text: seen.append(text) or normalize(form, text),
    )
    textpolicy.clean(f"a{marks}", multiline=False)
    classes = [unicodedata.combining(char) for char in seen[0]]
    assert classes == sorted(classes)


PIECES = ["a", "a.", ".", "@", ":", "\\", "\n", "a b", "1.", "www.", "://", "\u200c", "م\u200c",
          "क\u094d\u200d", "\ufe0f", "\U0001f468\u200d", "\U0001f3f4\U000e0067", "\U0001f1e9",
          ]  # fmt: skip


@pytest.mark.parametrize("piece", PIECES)
def test_a_long_text_of_one_piece_is_read_once(piece, monkeypatch):
    text = piece * (200_000 // len(piece))
    asked = []
    reason = textpolicy._reason
    monkeypatch.setattr(
        textpolicy, "_reason", lambda text, offset: asked.append(offset) or reason(text, offset)
    )
    is_fine(text)
    assert len(asked) == len(set(asked)) <= len(text)
    defuse(text)
    subject_line(text)


# Mails

NON_JOINER = "\u200c"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("evil.com", "evil.^com"),
        ("see evil.com/x?y=a.b.", "see evil.^com/x?y=a.b."),
        ("EVIL.COM.", "EVIL.^COM."),
        ("a.b.evil.com:8080/x.html", "a.^b.^evil.^com:8080/x.^html"),
        ("https://evil.com", "https:^//evil.^com"),
        ("HTTPS://x", "HTTPS:^//x"),
        ("http://localhost/", "http:^//localhost/"),
        ("http://10.0.0.1/", "http:^//10.^0.^0.^1/"),
        ("10.0.0.1", "10.^0.^0.^1"),
        ("ftp://a https://b", "ftp:^//a https:^//b"),
        ("www.x", "www^.x"),
        ("(Www.evil.com)", "(Www^.^evil.^com)"),
        ("ftp.x www.", "ftp^.x www."),
        ("“evil.com”", "“evil.^com”"),
        ("<b>evil.com</b>", "<b>evil.^com</b>"),
        ("user@host.tld", "user@^host.^tld"),
        ("first.last+tag@mail.host.tld", "first.^last+tag@^mail.^host.^tld"),
        ("user@localhost", "user@^localhost"),
        ("https://u:p@evil.com", "https:^//u:p@^evil.^com"),
        ("xn--80ak6aa92e.com", "xn--80ak6aa92e.^com"),
        ("a.xn--p1ai", "a.^xn--p1ai"),
        ("пример.рф", "пример.^рф"),
        ("भारत.भारत", "भारत.^भारत"),
        ("موقع.وزارة", "موقع.^وزارة"),
        ("例え.テスト", "例え.^テスト"),
        ("evil。com", "evil。^com"),
        ("ｅｖｉｌ．ｃｏｍ", "ｅｖｉｌ．^ｃｏｍ"),
        ("i❤.ws", "i❤.^ws"),
        ("3com.com", "3com.^com"),
        ("t.me/x", "t.^me/x"),
        ("file.name.pdf", "file.^name.^pdf"),
        ("done.Next", "done.^Next"),
        ("mailto:a@b", "mailto:^a@b"),
        ("Tel:+49301234", "Tel:^+49301234"),
        (r"\\server\share", r"\^\server\share"),
        (r"file:\\server\x.exe", r"file:^\^\server\x.^exe"),
    ],
)
def test_what_a_mail_client_would_link_is_taken_apart(text, shown):
    assert defuse(text) == shown.replace("^", NON_JOINER)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Approve the new rate?",
        "Hello. World. It ends here.",
        "$2,592.00",
        "2.592,00 €",
        "1.234.567,89 EUR",
        "1.234.567.890 items",
        "8.5%",
        "3.5kg",
        "v1.2.3",
        "2.0.0-rc1",
        "10:42",
        "at 10.30am",
        "2026-11-22T06:00:00.123Z",
        "22.11.2026",
        "e.g. the U.S., i.e. 5 p.m., z.B. d.h.",
        "wait... what",
        "and...then",
        "Note: this",
        "Note:this",
        "12 @ 4.50",
        "12@4.50",
        "@alice",
        "#42, a/b, c:\\temp, 1/2",
        "https",
        "你好。世界",
        "です。ます",
        "عربي. عربي",
        "می\u200cخواهم",
        "\U0001f468\u200d\U0001f469",
        "a\nb.\nc",
    ],
)
def test_ordinary_prose_is_left_as_it_is(text):
    assert defuse(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "evil.com/x",
        "https://evil.com",
        "http://localhost:80/a.b",
        "www.evil.com",
        "www.evil.co.uk, and (evil.org)",
        "xn--80ak6aa92e.com",
    ],
)
def test_django_s_linkifier_finds_no_page_in_defused_text(text):
    assert "<a " in urlize(text)
    assert "<a " not in urlize(defuse(text))


@pytest.mark.parametrize(
    "text",
    [
        "evil.com/x",
        "www.evil.co.uk, and (evil.org)",
        "user@evil.com",
        "mailto:user@evil.com",
        "пример.рф",
        "https://user:pass@evil.com/?u=https://good.com",
    ],
)
def test_a_greedy_linkifier_finds_nothing_in_defused_text(text):
    greedy = re.compile(r"\w+:/|\bwww\.|mailto:\w|\w@\w|[\w-]\.[^\W\d_]{2,}", re.IGNORECASE)
    assert greedy.search(text)
    assert not greedy.search(defuse(text))


@pytest.mark.parametrize("host", ["evil.com", "www.evil.co.uk", "пример.рф", "user.github.io"])
def test_a_link_made_all_the_same_leads_nowhere(host):
    assert idna.encode(host, uts46=True)
    with pytest.raises(idna.IDNAError):
        idna.encode(defuse(host), uts46=True)
    # Which is why it is not the word joiner: resolvers drop that one.
    assert idna.encode(host.replace(".", ".\u2060"), uts46=True) == idna.encode(host, uts46=True)


@given(anything)
@example("evil.com 10.0.0.1 www.x \\\\a mailto:x")
def test_defusing_adds_non_joiners_only_and_is_done_once(text):
    defused = defuse(text)
    assert defused.replace(NON_JOINER, "") == text.replace(NON_JOINER, "")
    assert defuse(defused) == defused


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Pay invoice 42", "Pay invoice 42"),
        ("Pay\r\nBcc: x@y.z", "Pay Bcc: x@y.z"),
        ("  Pay \t\n\n now\u00a0! ", "Pay now !"),
        ("a\u2028b\u0085c\x0bd", "a b c d"),
        ("a\x00b\x1b[31mc", "ab[31mc"),
        ("\u202eevil\u202c \u2066x\u2069", "evil x"),
        ("a \u202e b", "a b"),
        ("a\u200bb\ufeffc\u00add", "abcd"),
        ("e\u202e\u0301", "\u00e9"),
        ("\ud800a\ue000\ufdd0", "a"),
        ("a\ufe0f\u200d\U0001f600", "a\U0001f600"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469"),
        ("", ""),
        ("\u202e", ""),
    ],
)
def test_a_subject_is_one_harmless_line(text, line):
    assert subject_line(text) == line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("Approve\n\tall: 5 €", "Approve\n\tall: 5 €"),
        ("Pay \u202eevil", r"Pay \u202eevil"),
        ("\u2066x\u2069", r"\u2066x\u2069"),
        ("a\u200bb\u00adc\x00d\x7f", r"a\u200bb\u00adc\u0000d\u007f"),
        ("a\U000e0041", r"a\udb40\udc41"),
        ("a\ud800", r"a\ud800"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469"),
    ],
)
def test_what_deceives_is_written_out(text, shown):
    assert escaped(text) == shown
    assert escaped(shown) == shown


@pytest.mark.parametrize(
    ("text", "limit", "line"),
    [
        ("abcde", 5, "abcde"),
        ("abcdef", 5, "abcd…"),
        ("abc def", 5, "abc…"),
        ("abcdef", 1, "…"),
        ("abx\u0323\u0331def", 4, "ab…"),
        ("abx\u0323\u0331def", 5, "ab…"),
        ("abx\u0323\u0331def", 6, "abx\u0323\u0331…"),
        ("ab\U0001f44d\U0001f3fdcd", 4, "ab…"),
        ("ab\U0001f44d\U0001f3fdcd", 5, "ab\U0001f44d\U0001f3fd…"),
        ("ab\U0001f468\u200d\U0001f469cd", 4, "ab…"),
        ("ab\U0001f468\u200d\U0001f469cd", 5, "ab…"),
        ("ab\U0001f468\u200d\U0001f469cd", 6, "ab\U0001f468\u200d\U0001f469…"),
        ("ab1\ufe0f\u20e3cd", 4, "ab…"),
        ("ab1\ufe0f\u20e3cd", 5, "ab…"),
        ("ab\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7", 4, "ab…"),
        ("ab\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7", 5, "ab\U0001f1e9\U0001f1ea…"),
        ("abक\u094dषcd", 5, "ab…"),
        (
            "a" + "\u0323" * 9,
            4,
            "\u1ea1\u0323\u0323…",
        ),
        ("\U0001f468" + "\u200d\U0001f468" * 9, 5, "\U0001f468\u200d\U0001f468…"),
    ],
)
def test_a_subject_is_cut_between_what_people_see_as_one(text, limit, line):
    assert subject_line(text, limit) == line


def test_a_subject_has_at_most_120_code_points_unless_told_otherwise():
    assert subject_line("x" * 120) == "x" * 120
    assert subject_line("x" * 121) == "x" * 119 + "…"


@given(anything, st.integers(1, 20))
def test_a_subject_passes_the_text_policy_and_keeps_its_limit(text, limit):
    line = subject_line(text, limit)
    assert len(line) <= limit
    assert clean(line, multiline=False) == line
    assert line == " ".join(line.split())
