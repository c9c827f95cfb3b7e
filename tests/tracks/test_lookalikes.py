"""Which labels look the same, and which buttons say the opposite of what they do."""

import string
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracks import lookalikes
from tracks.lookalikes import contradicts, find_lookalikes, skeleton

SAME = [
    ("Approve", "Approve"),
    ("Approve", "\u0410pprove"),  # Cyrillic A
    ("Approve", "\uff21\uff50\uff50rove"),  # fullwidth
    ("Approve", "\U0001d400pprove"),  # mathematical bold
    ("Approve", "APPROVE"),
    ("APPROVE IT", "approve it"),
    ("Approve", " Approve  "),
    ("Pay now", "Pay\u00a0 now"),
    ("Plan 1", "Plan l"),
    ("Plan 1", "Plan I"),
    ("Plan I", "Plan l"),
    ("plan I", "Plan 1"),
    ("Plan |", "Plan l"),
    ("11", "1l"),
    ("Plan L", "Plan 1"),  # in lower case they look the same, which is what AI-06 asks
    ("O", "0"),
    ("o", "0"),
    ("O", "o"),
    ("Room 10", "Room 1O"),
    ("Modern", "Modem"),
    ("modern", "MODEM"),
    ("else", "e\u02aae"),  # drawn like "ls"
    ("Yes", "Ye\u0455"),  # Cyrillic dze
    ("No", "N\u03bf"),  # Greek omicron
    ("No", "\u039do"),  # Greek Nu
    ("\u0412\u0430\u043d\u043a", "Ba\u043d\u043a"),  # half Latin
    ("caf\u00e9", "cafe\u0301"),
    ("caf\u00e9", "caf\u0435\u0301"),  # Cyrillic ie under the accent
    ("Stra\u00dfe", "STRASSE"),
    ("\u00bd", "1/2"),
    ("10\u00b2", "102"),
    ("\u2460", "1"),
    ("\u2163", "IV"),
    ("$1M", "$1m"),
    ("10\u201312", "10-12"),
    ("-1", "\u22121"),
    ("Don't", "Don\u2019t"),
    ("3 \u00d7 4", "3 x 4"),
    ("\u2764", "\u2764\ufe0f"),
    (
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\u0645\u06cc\u062e\u0648\u0627\u0647\u0645",
    ),
    ("\u30ab", "\u529b"),  # Katakana ka, the ideograph for power
    ("Option \u0661", "Option 1"),  # Arabic-Indic digit one
    ("\u0218tefan", "\u015etefan"),  # comma and cedilla below
    ("", " "),
]

DISTINCT = [
    ("Yes", "No"),
    ("Approve", "Reject"),
    ("Approve", "Approved"),
    ("Approve", "Approve!"),
    ("Pay now", "Paynow"),
    ("Mail", "Mall"),
    ("Fail", "Fall"),
    ("I", "L"),
    ("Size I", "Size L"),
    ("Clear", "Dear"),
    ("a", "d"),
    ("u", "v"),
    ("5", "S"),
    ("8", "B"),
    ("2", "Z"),
    ("6", "b"),
    ("9", "g"),
    ("-1", "1"),
    ("+", "-"),
    ("+5 %", "-5 %"),
    ("100 %", "100 \u2030"),
    ("\u2265 5", "\u2264 5"),
    ("> 5", "< 5"),
    ("> 5", "\u2265 5"),
    ("=", "\u2260"),
    ("1.5", "1,5"),
    ("1.000", "1,000"),
    ("$1M", "$1B"),
    ("$100", "\u20ac100"),
    ("1:00", "11:00"),
    ("\u00bd", "\u00bc"),
    ("A", "\u00c4"),
    ("schon", "sch\u00f6n"),
    ("pech\u00e9", "p\u00eache"),
    ("\u00bfS\u00ed?", "\u00bfS\u00ec?"),
    ("\u2705", "\u274c"),
    ("\U0001f44d", "\U0001f44e"),
    ("\U0001f44d", "\U0001f44d\U0001f3fd"),
    ("\U0001f1e9\U0001f1ea", "\U0001f1ea\U0001f1e9"),
    (
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    ),
]

EVERYDAY = [
    ["Yes", "No", "Not sure"],
    [f"Option {number}" for number in range(10)],
    [f"Option {number}" for number in range(1, 31)],
    [str(number) for number in range(10)],
    list("ABCDEFGH"),
    list(string.ascii_uppercase),
    list(string.ascii_lowercase),
    list(string.ascii_uppercase + "23456789"),
    [f"{hour}:00" for hour in range(24)],
    ["10:00", "11:00", "1:00", "1:10", "11:11"],
    ["1 Nov 2026", "11 Nov 2026", "1 Dec 2026", "11 Dec 2025"],
    ["2026-11-01", "2026-11-10", "2026-11-11", "2026-01-11"],
    ["$1M", "$10M", "$1,000", "$1.00", "$1k"],
    ["2.592,00 \u20ac", "2,592.00 \u20ac", "2.592 \u20ac", "259,20 \u20ac"],
    ["-1", "0", "1", "+1"],
    ["+", "-", "\u00f7", "*", "/"],
    ["\u2265 5", "\u2264 5", "> 5", "< 5", "= 5", "\u2260 5"],
    ["\u00bc", "\u00bd", "\u00be", "1"],
    ["8.5%", "8.6%", "9.5%", "85%"],
    ["v1.2.3", "v1.2.4", "v1.3.2", "v11.2.3"],
    ["Q1", "Q2", "Q3", "Q4", "H1", "H2"],
    ["XS", "S", "M", "L", "XL", "XXL"],
    ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X"],
    ["Keep the current rate", "Approve the new rate", "Hold for negotiation"],
    ["Send all 120", "Send 114, hold 6", "Hold all"],
    ["Refund in full", "Refund half", "Refund nothing", "Replace"],
    ["Low", "Medium", "High", "Critical"],
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"],
    ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
    ["January", "June", "July"],
    ["Berlin", "Bern", "Bonn", "Brno"],
    ["EUR", "USD", "GBP", "CHF", "JPY"],
    ["DE", "FR", "IT", "ES", "EL"],
    ["alice@example.com", "alice@example.org", "bob@example.com"],
    ["Ja", "Nein", "Vielleicht"],
    ["Annehmen", "Ablehnen", "Zur\u00fcckstellen"],
    ["M\u00fcller", "Muller", "Mueller", "M\u00f6ller"],
    ["Oui", "Non", "Peut-\u00eatre"],
    ["Accepter", "Accept\u00e9", "Refuser", "Refus\u00e9"],
    ["S\u00ed", "No", "Quiz\u00e1s"],
    ["Tak", "Nie", "\u0141\u00f3d\u017a", "Lodz"],
    ["Evet", "Hay\u0131r"],
    ["\u039d\u03b1\u03b9", "\u038c\u03c7\u03b9", "\u038a\u03c3\u03c9\u03c2"],  # Greek
    ["\u0391", "\u0392", "\u0393", "\u0394", "\u0395", "\u0396"],
    ["\u0414\u0430", "\u041d\u0435\u0442"],  # Russian
    list("АБВГДЕЖЗИКЛМ"),
    ["Утвердить", "Отклонить", "Отложить"],
    ["是", "否"],
    ["批准", "拒绝", "推迟"],
    list("一二三四五六七八九十"),
    ["はい", "いいえ"],
    ["承認する", "却下する", "保留"],
    list("アイウエオカキクケコ"),
    ["예", "아니요", "승인", "거절"],
    ["نعم", "لا"],
    ["موافق", "مرفوض", "تأجيل"],
    list("٠١٢٣٤٥٦٧٨٩"),
    list("۰۱۲۳۴۵۶۷۸۹"),
    list("०१२३४५६७८९"),
    ["כן", "לא", "אולי"],
    ["हाँ", "नहीं"],
    ["ใช่", "ไม่"],
    ["Có", "Không", "Cô"],
    ["✅ Approve", "❌ Reject", "⏸ Hold"],
    ["👍", "👎", "🤷"],
    ["🇩🇪", "🇫🇷", "🇮🇹"],
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_labels_that_look_the_same_are_found(one, other):
    assert find_lookalikes([one, other]) == (0, 1)
    assert find_lookalikes([other, one]) == (0, 1)


@pytest.mark.parametrize(("one", "other"), DISTINCT)
def test_labels_anyone_can_tell_apart_are_not(one, other):
    assert find_lookalikes([one, other]) is None
    assert skeleton(one) != skeleton(other)


@pytest.mark.parametrize("labels", EVERYDAY, ids=lambda labels: labels[0])
def test_everyday_options_are_distinct(labels):
    assert find_lookalikes(labels) is None


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ([], None),
        (["A"], None),
        (["A", "B", "A", "B"], (0, 2)),
        (["B", "A", "a", "b"], (1, 2)),
        (["Mail", "Mall", "MAIL"], (0, 2)),
        (["i", "l", "I"], (0, 2)),
        (["l", "i", "I"], (0, 2)),
    ],
)
def test_the_first_label_that_repeats_an_earlier_one_is_reported(labels, found):
    assert find_lookalikes(labels) == found


@pytest.mark.parametrize(
    ("label", "kept"),
    [
        ("Approve", "approve"),
        ("  Pay \n now ", "pay now"),
        ("Iil1|", "1i111"),
        ("O0o", "ooo"),
        ("Modem", "modern"),
        ("\u00e9", "e\u0301"),
        ("\u0410\u0412\u0421", "abc"),
        ("\ud800", "\ud800"),
    ],
)
def test_a_skeleton_is_what_the_eye_keeps(label, kept):
    assert skeleton(label) == kept


def test_no_two_latin_letters_or_digits_share_a_prototype_except_the_known_ones():
    prototypes = lookalikes._prototypes()
    shared = {
        one + other
        for one, other in combinations(string.ascii_letters + string.digits, 2)
        if prototypes.get(one, one) == prototypes.get(other, other)
    }
    assert shared == {"lI", "l1", "I1", "O0"}


def test_the_classes_are_those_of_unicode_and_no_larger():
    prototypes = lookalikes._prototypes()
    sizes: dict[str, int] = {}
    for prototype in prototypes.values():
        sizes[prototype] = sizes.get(prototype, 0) + 1
    # The largest two look like "1" and like "o"; a closure over all lists would make thousands.
    assert sorted(sizes.values())[-3:] == [47, 74, 76]
    assert len(prototypes) == 8167


def test_the_data_is_read_once():
    assert lookalikes._prototypes() is lookalikes._prototypes()


@given(st.text(st.characters(exclude_categories=()), max_size=20))
def test_any_label_looks_like_itself_in_capitals_and_with_more_space(label):
    skeleton(label)
    assert find_lookalikes([label, f"  {label}\u2003"]) == (0, 1)
    assert find_lookalikes([label, label.casefold()]) == (0, 1)


# Opposite meanings

FITTING = [
    ("Yes", "No"),
    ("Approve", "Reject"),
    ("Approve", "Do not approve"),
    ("Approve", "Not approved"),
    ("Approve the new rate", "Hold for negotiation"),
    ("Send 114, hold 6", "Hold all"),
    ("Send", "Do not send"),
    ("Keep the hold", "Release"),
    ("Release", "Keep the hold"),
    ("Pay", "Don't pay"),
    ("Pay", "Don\u2019t pay"),
    ("Pay $2,592.00", "Cancel"),
    ("No objection", "I object"),
    ("I do not object", "I object"),
    ("No need to hold", "Hold"),
    ("Don't cancel", "Cancel"),
    ("Yes, cancel it", "No, keep it"),
    ("Cancel the order", "Keep the order"),
    ("Stop the campaign", "Let it run"),
    ("Accept 3, decline 2", "Hold"),
    ("Approve, reject the rest", "Hold"),
    ("Hold shipment", "Ship now"),
    ("No changes needed", "Needs changes"),
    ("Without a discount", "With a discount"),
    ("OK", "Not OK"),
    ("Accept", "Decline to accept"),
    ("Allow", "Block"),
    ("Confirm", "Cancel"),
    ("Grant access", "Refuse, do not grant"),
    ("Option A", "Option B"),
    ("Agree", "No, thank you"),
    ("Notify", "Nobody"),  # "not" and "no" are words, not letters
    ("Payment terms", "Payment plan"),
    ("Genehmigen", "Ablehnen"),
    ("批准", "拒绝"),
    ("", ""),
]

CONTRADICTING = [
    ("No", "Yes"),
    ("Reject", "Approve"),
    ("Reject", "Cancel"),
    ("Decline", "Later"),
    ("Deny access", "Keep access"),
    ("REFUSE", "x"),
    ("DECLINE", "x"),
    ("Go", "CONFIRM"),
    ("Go", "ALLOW"),
    ("Cancel", "Confirm"),
    ("Cancel", "Keep"),
    ("Stop", "Continue"),
    ("Hold it now", "Release"),
    ("Hold for negotiation", "Approve the new rate"),
    ("Do not approve", "Leave it"),
    ("Don't pay", "Leave it"),
    ("Don\u2019t", "Leave it"),
    ("Not now", "Later"),
    ("Never", "Later"),
    ("No thanks", "Sure"),
    ("No, cancel it", "Sure"),
    ("No. Keep it", "Sure"),
    ("I object", "No objection"),
    ("Go", "Yes"),
    ("Go", "Approve with changes"),
    ("Go", "I do not object"),
    ("Go", "Don't stop"),
    ("Go", "Pay later"),
    ("Go", "\u0410pprove"),  # Cyrillic A
    ("Go", "aIIow"),  # capital i for l
    ("Go", "\uff39\uff25\uff33"),  # fullwidth
    ("R\u0435ject", "x"),  # Cyrillic ie
]


@pytest.mark.parametrize(("accept_label", "reject_label"), FITTING)
def test_labels_that_fit_raise_no_warning(accept_label, reject_label):
    assert not contradicts(accept_label, reject_label)


@pytest.mark.parametrize(("accept_label", "reject_label"), CONTRADICTING)
def test_labels_that_say_the_opposite_do(accept_label, reject_label):
    assert contradicts(accept_label, reject_label)


def test_the_words_can_be_configured():
    assert contradicts("Ablehnen", "Weiter", rejecting=["ablehnen"])
    assert contradicts("Weiter", "Genehmigen", approving={"genehmigen"})
    assert contradicts("Anhalten", "Weiter", halting=("anhalten",))
    assert not contradicts("Nicht ablehnen", "x", rejecting=["ablehnen"], negating=["nicht"])
    assert not contradicts("Reject", "Approve", approving=(), rejecting=())


@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_any_label_can_be_weighed_and_never_fits_both_ways_round(label):
    assert contradicts(label, "Approve")
    assert contradicts("Reject", label) or contradicts(label, "Approve")
