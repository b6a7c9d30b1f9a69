"""The key bundle (YAML, `format: 1`): keys of every kind with an id each. All problems are collected, with their place.

Material stands in the bundle, in a file or in an environment variable; no message shows any of it.
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Final

from analyzer.core.addresses import parse_ip
from analyzer.core.frozen import frozen
from analyzer.core.secrets import Secret
from analyzer.core.text import safe
from analyzer.crypto.srtp.suites import SUITES, Suite, suite_named
from analyzer.formats.yaml_file import FileProblem, Node, read
from analyzer.formats.yaml_reader import YamlReader
from analyzer.session.key_entries import AkaKey, EspKey, SrtpMaster
from analyzer.session.key_values import ESP_AUTHS, ESP_CIPHERS, read_key
from analyzer.session.keyring import Keyring

FIELDS: Final = {  # of each kind behind id and kind; those with a star are required
    "tls-keylog": ("from", "value"),
    "srtp-master": ("suite*", "ssrc", "from", "value", "mki", "tag_bytes"),
    "esp-sa": ("spi*", "src", "dst", "cipher*", "auth*", "cipher_key", "auth_key"),
    "ims-aka": ("impi*", "ck*", "ik*"),
}
OPENED_SUITES: Final = tuple(suite.name for suite in SUITES if suite.opened)
TAGS: Final = {"gcm": (8, 12, 16), "cm": (4, 10), "null": (4, 10)}  # bytes of an SRTP tag, by kind of cipher
_AKA = (16,)
_MKI = 128


@frozen
class Outside:
    """What a bundle may refer to. Each gives text, or None where it is not there; `file` gives bytes or a problem."""

    file: Callable[[str], bytes | str]
    env: Callable[[str], str | None]


def looks_like(data: bytes) -> bool:
    """Whether one of the first lines is `format:` or `keys:`, or it is a JSON object with them."""
    start = data[:65_536]
    lines = start.splitlines()
    return any(line.startswith((b"format:", b"keys:")) for line in lines) or (
        start.lstrip().startswith(b"{") and b'"keys"' in start
    )


def load(data: bytes, name: str, shown: str, ring: Keyring, outside: Outside) -> list[FileProblem]:
    """Adds the keys of a bundle to the ring; gives everything wrong with it. `shown` is its name in the report."""
    root, problems = read(data, name)
    if root is None:
        return problems
    loader = _Loader(name, shown, ring, outside, problems)
    loader.bundle(root)
    return loader.problems


class _Loader(YamlReader):
    def __init__(self, name: str, shown: str, ring: Keyring, outside: Outside, problems: list[FileProblem]) -> None:
        super().__init__(name, problems)
        self.shown = shown
        self.ring = ring
        self.outside = outside

    def quoted(self, word: str) -> str:
        """A mistaken word, unless it is so long that it may be a misplaced key: the shortest has 22 characters, of
        base64 without padding."""
        return f"'{safe(word)}'" if len(word) < 22 else "this"

    def choice(self, node: Node, allowed: Collection[str] = ()) -> str | None:
        """A text, one of `allowed` where there are any; None if it is none."""
        before = len(self.problems)
        found = self.word(node, allowed)
        return found if len(self.problems) == before else None

    # -- the document ----------------------------------------------------------------------------------------------

    def bundle(self, root: Node) -> None:
        keys = self.mapping(root, ("format", "keys"))
        self.format(keys, root)
        entries = keys.get("keys")
        if entries is None or not isinstance(entries.value, tuple) or not entries.value:
            self.wrong(entries or root, "expected 'keys' with a list of keys")
            return
        seen: set[str] = set()
        for entry in entries.value:
            self.entry(entry, seen)

    def entry(self, node: Node, seen: set[str]) -> None:
        kind_node = node.value.get("kind") if isinstance(node.value, dict) else None
        kind = self.choice(kind_node, tuple(FIELDS)) if kind_node is not None else None
        if kind is None:
            if kind_node is None:
                self.wrong(node, f"expected a key with id and kind: {', '.join(FIELDS)}")
            return
        fields = self.mapping(node, ("id", "kind", *(field.rstrip("*") for field in FIELDS[kind])))
        missing = [f for f in ("id", *(f[:-1] for f in FIELDS[kind] if f.endswith("*"))) if f not in fields]
        if missing:
            self.wrong(node, f"{kind} without {', '.join(missing)}")
            return
        name = self.choice(fields["id"])
        if name is None:
            return
        if name in seen:
            self.wrong(fields["id"], f"id {self.quoted(name)} is there twice")
        seen.add(name)
        {"tls-keylog": self.key_log, "srtp-master": self.srtp, "esp-sa": self.esp, "ims-aka": self.aka}[kind](
            name, fields, node
        )

    # -- kinds -----------------------------------------------------------------------------------------------------

    def key_log(self, name: str, fields: dict[str, Node], node: Node) -> None:
        found = self.content(fields, node)
        if found is None:
            return
        data, where, at = found
        for problem in self.ring.add_key_log(data, f"{self.shown}: {name}"):
            line, column = (problem.line, 1) if at is None else (at.line, at.column)
            within = "" if at is None else f"line {problem.line} of the key log: "
            self.problems.append(FileProblem(where, line, column, within + problem.message))

    def srtp(self, name: str, fields: dict[str, Node], node: Node) -> None:
        word = self.choice(fields["suite"])
        suite = suite_named(word) if word is not None else None
        if suite is None or not suite.opened:
            if word is not None:
                message = f"{self.quoted(word)} is no suite that is opened here: {', '.join(OPENED_SUITES)}"
                self.wrong(fields["suite"], message)
            return
        found = self.content(fields, node)
        ssrc = self.number(fields.get("ssrc"), 32)
        mki = self.mki(fields.get("mki"))
        tag = self.tag(fields.get("tag_bytes"), suite)
        if found is None:
            return
        material = self.key(found[0].decode("utf-8", "replace"), (suite.key + suite.salt,), fields, f"{suite.name}: ")
        if material is not None and mki is not None:
            self.ring.add_entry(SrtpMaster(name, ssrc, suite.name, material, mki, tag), f"{self.shown}: {name}")

    def esp(self, name: str, fields: dict[str, Node], node: Node) -> None:
        spi = self.number(fields["spi"], 32)
        cipher = self.choice(_algorithm(fields["cipher"]), tuple(ESP_CIPHERS))
        auth = self.choice(_algorithm(fields["auth"]), tuple(ESP_AUTHS))
        src, dst = (self.address(fields.get(end)) for end in ("src", "dst"))
        if cipher is None or auth is None or spi is None:
            return
        cipher_key = self.secret(fields, "cipher_key", ESP_CIPHERS[cipher], node, cipher)
        auth_key = self.secret(fields, "auth_key", ESP_AUTHS[auth], node, auth)
        if cipher_key is not None and auth_key is not None:
            entry = EspKey(name, spi, src, dst, cipher, auth, cipher_key, auth_key)
            self.ring.add_entry(entry, f"{self.shown}: {name}")

    def aka(self, name: str, fields: dict[str, Node], node: Node) -> None:
        impi = self.choice(fields["impi"])
        ck, ik = (self.secret(fields, field, _AKA, node, field.upper()) for field in ("ck", "ik"))
        if impi and ck is not None and ik is not None:
            self.ring.add_entry(AkaKey(name, impi, ck, ik), f"{self.shown}: {name}")

    # -- values ----------------------------------------------------------------------------------------------------

    def content(self, fields: dict[str, Node], node: Node) -> tuple[bytes, str, Node | None] | None:
        """What `from` or `value` gives, the name of the file it is in, and its node where that is the bundle."""
        given = [fields[field] for field in ("from", "value") if field in fields]
        if len(given) != 1:
            self.wrong(given[-1] if given else node, "expected either 'from: {file: NAME}' or 'value'")
            return None
        if "from" not in fields or not isinstance(given[0].value, dict) or "file" not in given[0].value:
            text = self.text(given[0])
            return (text.encode(), self.name, given[0]) if text is not None else None
        path = self.choice(self.mapping(given[0], ("file",)).get("file", given[0]))
        if path is None:
            return None
        data = self.outside.file(path)
        if isinstance(data, str):
            self.wrong(given[0].value["file"], data)
            return None
        return data, path, None

    def text(self, node: Node) -> str | None:
        """A value: text, or `{env: NAME}`."""
        if isinstance(node.value, dict):
            name = node.value.get("env")
            if name is None or len(node.value) != 1 or not isinstance(name.value, str):
                self.wrong(node, "expected text or {env: NAME}")
                return None
            value = self.outside.env(name.value)
            if not value:
                self.wrong(name, f"the environment has no variable {self.quoted(name.value)}")
            return value or None
        if not isinstance(node.value, str) or not node.value:
            self.wrong(node, "expected text in quotes, or {env: NAME}")
            return None
        return node.value

    def secret(
        self, fields: dict[str, Node], field: str, lengths: Collection[int], node: Node, what: str
    ) -> Secret | None:
        given = fields.get(field)
        if given is None or given.value is None:
            if 0 in lengths:
                return Secret(b"")
            self.wrong(node, f"{what} without {field}")
            return None
        if lengths == (0,):
            self.wrong(given, f"{what} has no key")
            return None
        text = self.text(given)
        return None if text is None else self.key(text, lengths, {"value": given}, f"{what}: ")

    def key(self, text: str, lengths: Collection[int], fields: dict[str, Node], what: str) -> Secret | None:
        found = read_key(text, lengths)
        if isinstance(found, Secret):
            return found
        self.wrong(fields.get("value") or fields["from"], f"{what}{found}")
        return None

    def number(self, node: Node | None, bits: int) -> int | None:
        if node is None or node.value is None:
            return None
        value = node.value
        if isinstance(value, str) and len(value) <= 12:
            try:
                value = int(value, 0)
            except ValueError:
                value = None
        if type(value) is not int or not 0 <= value < 1 << bits:
            self.wrong(node, f'expected a number of {bits} bits, as in "0x5566aabb"')
            return None
        return value

    def address(self, node: Node | None) -> int | None:
        if node is None or node.value is None:
            return None
        ip = parse_ip(str(node.value))
        if ip is None:
            self.wrong(node, "expected an IP address")
        return ip

    def mki(self, node: Node | None) -> bytes | None:
        if node is None or node.value is None:
            return b""
        try:
            text = node.value if isinstance(node.value, str) else "?"
            mki = bytes.fromhex(text.removeprefix("0x"))
        except ValueError:
            mki = b""
        if not 0 < len(mki) <= _MKI:
            self.wrong(node, 'expected the bytes of the MKI in hexadecimal and in quotes, as in "0001"')
            return None
        return mki

    def tag(self, node: Node | None, suite: Suite) -> int | None:
        if node is None or node.value is None:
            return None
        allowed = TAGS[suite.cipher]
        if node.value not in allowed or node.value is True:
            self.wrong(node, f"a tag of {suite.name} has {', '.join(map(str, allowed))} bytes")
            return None
        return int(node.value)


def _algorithm(node: Node) -> Node:
    """`cipher: null` means the algorithm of that name; YAML takes the bare word for nothing."""
    return replace(node, value="null") if node.value is None else node
