"""Pseudonyms: who is who stays visible, who they are does not."""

import dataclasses
import operator
import re
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any, TypeVar, cast

from analyzer.core.limits import Limits
from analyzer.core.secrets import Secret
from analyzer.core.text import ELLIPSIS, encode
from analyzer.report.border import clean, scrub
from analyzer.report.evidence import Cite, Sighting
from analyzer.report.keys import Handling, handling
from analyzer.report.pseudonyms import Pseudonyms

T = TypeVar("T")

ANONYMOUS = "anonymous"  # names nobody (RFC 3323 4.1.1.3), and a report must show that it does
TEXT_LIMIT = 2_000  # characters of one text in a report
_REMEMBERED = 1_024  # texts, of each kind: those of some hundred calls at a time
_SHORT = 200
_NUMBERS = (bool, int, float)
_OURS = (Cite, Sighting)  # hold ids of ours and numbers, nothing from the wire
_LONGEST = 4_000  # characters looked at, however long the text is

_DISPLAY_NAME = re.compile(
    r"""(?:"(?:[^"\\]|\\.){0,400}"?|(?:[^\s"<>,;:=(]{1,80}[ ]{1,4}){1,12})[ ]{0,4}
    (?=<(?:sips?|tel|im|pres|mailto|xmpp):)""",
    re.IGNORECASE | re.VERBOSE,
)
_USER_PART = re.compile(r"\b(?P<scheme>sips?|im|pres|mailto|xmpp|acct):(?P<user>[^@\s<>\",]+|[^@\s]+)@", re.IGNORECASE)
_TEL = re.compile(r"\b(?P<scheme>tel|fax):(?P<user>[^\s;>,\"@]+)", re.IGNORECASE)
_BARE = re.compile(r"(?<![\w.+%~!*'/$&=?-])(?P<user>[\w.+%~!*'$&=?/-]{1,255})@(?P<host>[\w.-]+|\[[0-9a-fA-F:.]+\])")
_PHONE = re.compile(r"(?<![\w+])\+\d(?:[-. ()]{0,2}\d){5,18}")
_DIGITS = re.compile(r"(?<![\w.:+-])\d{10,15}(?![\w.:-])")
_SCHEME = re.compile(r":(?<=[a-zA-Z]:)[^/ ]")
_PLUS = re.compile(r"\+\d")
_LONG = re.compile(r"\d\d{9}")  # found in two thirds of the time of \d{10}
_SEPARATORS = re.compile(r"[-. ()]")
_NUMBER = re.compile(r"\+?[0-9]{3,}")
_AFTER_CALL_ID = re.compile(r"call-?id\W{0,4}\Z", re.IGNORECASE)


class Redactor:
    """Gives each identity and each key its pseudonym; everything shown passes through it once.

    With `reveal_identities` user parts and numbers stay; secrets are removed all the same.
    """

    def __init__(self, reveal_identities: bool = False, limits: Limits = Limits()) -> None:  # noqa: B008  (Limits is frozen)
        self._reveal = reveal_identities
        self._users = Pseudonyms[str]("user-", limits.identities, encode)
        self._keys = Pseudonyms[Secret]("key-", limits.named_keys, Secret.reveal)
        self._call_ids: OrderedDict[str, None] = OrderedDict()  # the latest shown
        self._most_call_ids = limits.call_ids
        self._texts: dict[str, str] = {}  # short texts and what is shown of them
        self._quoted: dict[str, str] = {}  # the same as JSON
        self._plain: dict[str, str] = {}  # plain strings already found harmless: ids, addresses, words

    def key(self, secret: Secret) -> str:
        """`key-1`, `key-2`, ...: equal keys have one name, which says nothing about them."""
        return self._keys.of(secret)

    def other_key(self) -> str:
        """The next ordinal, for a key that is named once: a key log, an association."""
        return self._keys.once()

    def user(self, name: str) -> str:
        """The pseudonym of one user part, user name or number; a pseudonym stays what it is."""
        if self._reveal or self._users.issued(name) or name.lower() == ANONYMOUS:
            return name
        return self._users.of(_canonical(name))

    def call_id(self, value: str) -> str:
        """A Call-ID, safe to show. It is no identity; free text may name it while it is among the latest shown.

        In a later text one that looks like an address has the pseudonym of one: more is hidden then, never less.
        """
        shown = clean(value)
        self._call_ids[shown] = None
        self._call_ids.move_to_end(shown)
        if len(self._call_ids) > self._most_call_ids:
            self._call_ids.popitem(last=False)
        return scrub(shown)

    def identity(self, value: str) -> str:
        """A whole field that is an identity: a URI, a name-addr, or a bare user name or number."""
        if "@" in value or ":" in value or " " in value:
            return self.text(value)
        return scrub(clean(value)) if self._reveal else self.user(clean(value)) if value else value

    def text(self, value: str) -> str:
        """Free text that may quote the wire: safe, without secrets, identities replaced, cut at `TEXT_LIMIT`."""
        shown = self._texts.get(value)
        if shown is None:
            shown = self._text(value)
            if len(value) <= _SHORT:
                if len(self._texts) >= _REMEMBERED:
                    self._texts.clear()
                self._texts[value] = shown
        return shown

    def quoted(self, value: str) -> str:
        """`text` as a JSON string."""
        shown = self._quoted.get(value)
        if shown is None:
            shown = encode_basestring(self.text(value))
            if len(value) <= _SHORT:
                if len(self._quoted) >= _REMEMBERED:
                    self._quoted.clear()
                self._quoted[value] = shown
        return shown

    def _text(self, value: str) -> str:
        shown = scrub(clean(value[:_LONGEST]))
        if len(value) > _LONGEST:
            shown = shown.rpartition(" ")[0]  # the cut may have split an identity: its beginning goes too
        if not self._reveal:
            shown = self._pseudonymised(shown)
        return shown if len(shown) <= TEXT_LIMIT else shown[:TEXT_LIMIT] + ELLIPSIS

    def _pseudonymised(self, text: str) -> str:
        if not _identifying(text):
            return text
        if "<" in text:  # what an expression cannot match without is looked for first: that is far cheaper
            text = _DISPLAY_NAME.sub("", text)
        if "@" in text:
            text = _USER_PART.sub(lambda m: f"{m['scheme']}:{self.user(m['user'])}@", text)
        if ":" in text:
            text = _TEL.sub(lambda m: f"{m['scheme']}:{self.user(m['user'])}", text)
        if "@" in text:
            text = _BARE.sub(self._bare, text)
        if "+" in text:
            text = _PHONE.sub(lambda m: self.user(m[0]), text)
        return _DIGITS.sub(lambda m: self.user(m[0]), text)

    def _bare(self, found: "re.Match[str]") -> str:
        if found[0] in self._call_ids or _AFTER_CALL_ID.search(found.string, max(0, found.start() - 16), found.start()):
            return found[0]
        return f"{self.user(found['user'])}@{found['host']}"

    def row(self, value: T) -> T:
        """A report object with every string handled as its field declares."""
        kind = type(value)
        if kind in _OURS:
            return value
        get, handlings = _plan(cast("Hashable", kind))
        fields = get(value)
        shown: list[Any] | None = None
        for index, (old, how) in enumerate(zip(fields, handlings, strict=True)):
            if not old or type(old) in _NUMBERS:  # nothing to say, or nothing of anybody's
                continue
            new = self._field(old, how)
            if new is not old:
                shown = list(fields) if shown is None else shown
                shown[index] = new
        return value if shown is None else kind(*shown)

    def _field(self, value: Any, how: Handling) -> Any:
        if isinstance(value, str):
            return self._string(value, how)
        kind = type(value)
        if kind in _OURS:
            return value
        if kind is tuple:
            handled = tuple([self._field(item, how) for item in value])
            return value if all(map(operator.is_, handled, value)) else handled
        if dataclasses.is_dataclass(kind):
            return self.row(value)
        if isinstance(value, Mapping):
            shown = {clean(k): self._field(v, how) for k, v in value.items()}
            return value if shown == value else shown
        return tuple(self._field(item, how) for item in value) if isinstance(value, Sequence) else value

    def _string(self, value: str, how: Handling) -> str:
        if how is Handling.PLAIN:
            shown = self._plain.get(value)
            if shown is None:
                shown = scrub(clean(value))
                if len(self._plain) >= _REMEMBERED:
                    self._plain.clear()
                self._plain[value] = shown = value if shown == value else shown
            return shown
        if how is Handling.TEXT:
            return self.text(value)
        if how is Handling.IDENTITY:
            return self.identity(value)
        return self.call_id(value)


@lru_cache(maxsize=64)
def _plan(cls: Any) -> tuple[Callable[[Any], tuple[Any, ...]], tuple[Handling, ...]]:
    """A report class: all its fields at once, in the order its constructor takes them, and their handling."""
    fields = dataclasses.fields(cls)
    names = [field.name for field in fields]
    get = operator.attrgetter(*names) if len(names) > 1 else lambda row: tuple([getattr(row, name) for name in names])
    return get, tuple([handling(field) for field in fields])


def _identifying(text: str) -> bool:
    """Whether an identity may be in a text: every expression for one needs one of these."""
    if "@" in text or "<" in text or _SCHEME.search(text) or _PLUS.search(text):
        return True
    return _LONG.search(text) is not None


def _canonical(name: str) -> str:
    """One person, however written: without password and parameters; a number without separators and plus sign."""
    bare = name.partition(";")[0].partition(":")[0] or name
    digits = _SEPARATORS.sub("", bare)
    return digits.lstrip("+") if _NUMBER.fullmatch(digits) else bare
