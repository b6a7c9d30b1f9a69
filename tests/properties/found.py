"""Everything in `analyzer` that has the look of a parser, found in its source."""

import ast
import re
from collections.abc import Iterator

from tests.conftest import ROOT

WIRE = ("protocols", "formats", "net", "transport", "capture")  # whose whole work it is to read what comes from outside
_TAKEN = re.compile(r"\b(?:bytes|bytearray|memoryview|Chunk|DtlsRecord|Packets|str)\b")
_RAW = re.compile(r"\bbytes|Chunk|Record\b")
_NAMES = re.compile(
    r"(?:parse|read|load|decode|recognise|probe|looks_like|split|scan|from|unpack|unpad)(?:_|$)|.*_parts$"
)
_FEEDS = frozenset(("receive", "feed", "segment", "unwrap", "walk", "decode", "read_batch", "add_key_log", "poll"))
_OPENS = frozenset(("open", "unprotect", "unprotect_rtp", "unprotect_many"))  # of crypto
_BASES = ("Framer", "PacketStream")


def _hint(function: ast.FunctionDef, method: bool) -> str:
    """The annotation of the first argument."""
    arguments = [*function.args.posonlyargs, *function.args.args][1 if method else 0 :]
    return ast.unparse(arguments[0].annotation) if arguments and arguments[0].annotation else ""


def _is_parser(function: ast.FunctionDef, package: str) -> bool:
    if function.name.startswith("_") or not (hint := _hint(function, method=False)) or hint.startswith("Callable"):
        return False
    named = _NAMES.match(function.name) is not None
    if package in WIRE and named:
        return True
    return (package in WIRE or named) and _TAKEN.search(hint) is not None


def _takes(method: ast.FunctionDef, package: str) -> bool:
    """Whether a method takes what comes from outside."""
    if method.name.startswith("_"):
        return False
    if method.name in _FEEDS or (package == "crypto" and method.name in _OPENS):
        return True
    return package == "protocols" and (method.name == "add" or _RAW.search(_hint(method, method=True)) is not None)


def _feeds(node: ast.ClassDef, package: str) -> bool:
    """Whether a class takes it, piece by piece."""
    bases = [ast.unparse(base) for base in node.bases]
    if node.name.startswith("_") or any("Protocol" in base for base in bases):
        return False
    methods = [each for each in node.body if isinstance(each, ast.FunctionDef)]
    return any(base.startswith(_BASES) for base in bases) or any(_takes(each, package) for each in methods)


def _of_module(tree: ast.Module, package: str) -> Iterator[str]:
    for node in tree.body:
        if (isinstance(node, ast.FunctionDef) and _is_parser(node, package)) or (
            isinstance(node, ast.ClassDef) and _feeds(node, package)
        ):
            yield node.name


def found() -> set[str]:
    """Dotted names of public functions and classes that take bytes or text, by their signatures.

    Of the packages in `WIRE` all of them; elsewhere those that are named as parsers are.
    """
    names: set[str] = set()
    for path in sorted((ROOT / "analyzer").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[1] in ("export", "cli"):  # these write
            continue
        module = ".".join(parts).removesuffix(".__init__")
        names |= {f"{module}.{name}" for name in _of_module(ast.parse(path.read_text("utf-8")), parts[1])}
    return names
