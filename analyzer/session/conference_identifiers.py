"""The word that the INVITEs of one conference have in common, where no parameter in them is called after it.

An application server gives its MRFC one identifier in every INVITE of a conference, and another in those of another
one (TS 23.218 8.1.3). So the place of it is one where every INVITE from this server to this MRFC has a word that looks
like an identifier, some have the same, not all do, and no word comes again when its calls have been over for a while.
A constant (a template's text, the name of the server) is no such place, nor is what is new in each INVITE. The
Request-URI goes before Contact, Contact before Session-ID (whose UUIDs are a focus's where several dialogs have one:
RFC 7989 9), and that before bodies; of several places in bodies the one that divides finest counts, and where they
contradict each other none does: a wrong conference is worse than none. What bodies call after a conference goes before
all of that where it differs from dialog to dialog, and behind it where it is the same in all: a template's, perhaps.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from analyzer.core.frozen import frozen
from analyzer.core.limits import SECOND_NS
from analyzer.core.numbers import decimal
from analyzer.session.body_tokens import kind_of
from analyzer.session.controlled import CONTACT, REQUEST_URI, SESSION, ControlDialog

ENDED_NS = 60 * SECOND_NS  # a conference whose calls have been over for so long does not go on
NAMED, COMMON, ADDRESSED = 100, 80, 70
"""Per cent: a word that is called so; one in common that tells conferences apart; the same numbered Request-URI."""
_HEADERS = (REQUEST_URI, CONTACT, SESSION)
_PLACES = 8  # of one kind of body that are held against each other
_DIGITS = 3  # of a user of the Request-URI that may be a conference's without another to tell it from
_DAY_S = 86_400
_NTP = 2_208_988_800  # seconds from 1900 to 1970 (RFC 5905 6)
_STAMP = 10  # digits of a time in seconds


@frozen
class Found:
    """The conference of a dialog: its word, where that stands, and how sure it is."""

    word: str
    place: str
    score: int
    named: bool = False


def discover(dialogs: Sequence[ControlDialog]) -> list[Found | None]:
    """The conference of each dialog, as far as it is known."""
    found: list[Found | None] = [None] * len(dialogs)
    pairs: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for number, dialog in enumerate(dialogs):
        pairs[dialog.server, dialog.mrfc].append(number)
    for numbers in pairs.values():
        named = {number: token for number in numbers if (token := dialogs[number].named) is not None}
        known = {number: Found(token.text, token.place, NAMED, named=True) for number, token in named.items()}
        several = len({token.text for token in named.values()}) > 1
        for number in numbers if several else ():
            found[number] = known.get(number)
        for wanted in (REQUEST_URI, CONTACT, SESSION, ""):
            left = [number for number in numbers if found[number] is None]
            place, words = _place(wanted, left, dialogs)
            for number, word in words.items():
                found[number] = Found(word, place, COMMON)
        for number in numbers:
            found[number] = found[number] or known.get(number)
            user = dialogs[number].words.get(REQUEST_URI, "")
            if found[number] is None and sum(map(str.isdigit, user)) >= _DIGITS:
                found[number] = Found(user, REQUEST_URI, ADDRESSED)
    return found


def _place(wanted: str, numbers: Sequence[int], dialogs: Sequence[ControlDialog]) -> tuple[str, dict[int, str]]:
    """The place of the identifier, and the word that each dialog has there; no words: it is not known. `wanted`: the
    Request-URI, Contact, Session-ID, or, empty, all bodies."""
    having: Counter[str] = Counter()
    places: defaultdict[str, dict[int, str]] = defaultdict(dict)
    for number in numbers:
        having.update(dialogs[number].kinds)
        for place, word in dialogs[number].words.items():
            if (kind_of(place) if kind_of(place) in _HEADERS else "") == wanted:
                places[place][number] = word
    telling = [
        (place, words)
        for place, words in sorted(places.items())
        if len(words) == having[kind_of(place)] and _tells_apart(words, dialogs, alone=wanted == SESSION)
    ][:_PLACES]
    return next((each for each in telling if all(_divides(each[1], other) for _, other in telling)), ("", {}))


def _tells_apart(words: dict[int, str], dialogs: Sequence[ControlDialog], *, alone: bool) -> bool:
    """Whether a place is one of an identifier: some dialogs have the same word, not all, and none comes again.
    `alone`: all may have it, since nothing but an identifier stands there."""
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for number, word in words.items():
        groups[word].append(number)
    if len(groups) == len(words) or (len(groups) < 2 and not alone):
        return False
    if any(tells_time(dialogs[number].first_ns, word) for number, word in words.items()):
        return False
    return all(_lasts([dialogs[number] for number in group]) for group in groups.values())


def _lasts(dialogs: Sequence[ControlDialog]) -> bool:
    """Whether the dialogs follow each other without a long pause."""
    ordered = sorted(dialogs, key=lambda dialog: dialog.first_ns)
    until = ordered[0].last_ns
    for dialog in ordered:
        if dialog.first_ns > until + ENDED_NS:
            return False
        until = max(until, dialog.last_ns)
    return True


def _divides(fine: dict[int, str], coarse: dict[int, str]) -> bool:
    """Whether dialogs with one word at the first place have one word at the second, as far as they have it."""
    seen: dict[str, str] = {}
    return all(
        number not in coarse or seen.setdefault(word, coarse[number]) == coarse[number] for number, word in fine.items()
    )


def tells_time(at_ns: int, word: str) -> bool:
    """Whether a word is the moment or the day of the INVITE: in seconds (or finer) since 1970 or 1900, or as a date."""
    digits = "".join(character for character in word if character.isdigit())
    if any(character.isalpha() and character not in "TZ" for character in word) or len(digits) < 8:
        return False
    day = datetime.fromtimestamp(at_ns // SECOND_NS, UTC)
    if digits[:8] in {f"{day + timedelta(days=days):%Y%m%d}" for days in (-1, 0, 1)}:
        return True
    stamp = decimal(digits[:_STAMP])
    return stamp is not None and any(abs(stamp - start - at_ns // SECOND_NS) < _DAY_S for start in (0, _NTP))
