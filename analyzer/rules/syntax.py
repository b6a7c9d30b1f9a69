"""The expression language's text: tokens with their place, the tree, the parser (a subset of CEL).

Any text gives a tree or `Problem`s, never an exception; length, depth and node count are bounded.
"""

import re
from typing import NoReturn, TypeAlias

from analyzer.core.frozen import frozen

MAX_SOURCE = 4_000
MAX_DEPTH = 40
MAX_NODES = 600
INT_MIN, INT_MAX = -(2**63), 2**63 - 1
RESERVED = frozenset(
    [
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
    ]
)
MACROS = frozenset({"all", "exists", "exists_one", "filter", "map"})


@frozen
class Problem:
    """What is wrong at one place of an expression; line and column count from 1 within its text."""

    line: int
    column: int
    message: str


class RuleSyntaxError(Exception):
    """Carries the first problem out of the parser; never leaves `parse`."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@frozen
class Literal:
    at: int
    value: bool | int | float | str | None


@frozen
class Name:
    at: int
    name: str


@frozen
class Select:
    at: int
    operand: "Expr"
    name: str


@frozen
class Index:
    at: int
    operand: "Expr"
    index: "Expr"


@frozen
class Call:
    at: int
    name: str
    target: "Expr | None"
    args: tuple["Expr", ...]


@frozen
class Unary:
    at: int
    op: str
    operand: "Expr"


@frozen
class Binary:
    at: int
    op: str
    left: "Expr"
    right: "Expr"


@frozen
class Ternary:
    at: int
    condition: "Expr"
    then: "Expr"
    other: "Expr"


@frozen
class ListOf:
    at: int
    items: tuple["Expr", ...]


@frozen
class MapOf:
    at: int
    entries: tuple[tuple["Expr", "Expr"], ...]


Expr: TypeAlias = Literal | Name | Select | Index | Call | Unary | Binary | Ternary | ListOf | MapOf

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n\f]+|//[^\n]*)
    |(?P<double>\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)
    |(?P<int>0[xX][0-9a-fA-F]+|\d+)
    |(?P<raw>[rR](?:\"\"\"[\s\S]*?\"\"\"|'''[\s\S]*?'''|"[^"\n\r]*"|'[^'\n\r]*'))
    |(?P<string>\"\"\"(?:\\[\s\S]|[^\\])*?\"\"\"|'''(?:\\[\s\S]|[^\\])*?'''|"(?:\\.|[^"\\\n\r])*"|'(?:\\.|[^'\\\n\r])*')
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<op>&&|\|\||==|!=|<=|>=|[-+*/%!<>?:.,()\[\]{}])""",
    re.VERBOSE | re.ASCII,
)
_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\?\"'`])|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})"
    r"|([0-3][0-7]{2})|([\s\S]))"
)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_LEVELS = ({"||"}, {"&&"}, {"==", "!=", "<", "<=", ">", ">=", "in"}, {"+", "-"}, {"*", "/", "%"})
_BINDS = {op: level for level, ops in enumerate(_LEVELS) for op in ops}


def place(source: str, at: int) -> tuple[int, int]:
    """Line and column, from 1, of an offset."""
    return source.count("\n", 0, at) + 1, at - source.rfind("\n", 0, at)


def parse(source: str) -> Expr | Problem:
    """The tree of an expression, or the first problem in it."""
    if len(source) > MAX_SOURCE:
        return Problem(1, 1, f"expression is longer than {MAX_SOURCE} characters")
    try:
        return _Parser(source).whole()
    except RuleSyntaxError as fault:
        return fault.problem


class _Parser:
    def __init__(self, source: str) -> None:
        self.source, self.nodes, self.depth, self.next = source, 0, 0, 0
        self.tokens: list[tuple[str, str, int]] = []
        at = 0
        while at < len(source):
            match = _TOKEN.match(source, at)
            if match is None:
                self.fail(at, f"unexpected character {source[at]!a}")
            if match.lastgroup != "space":
                self.tokens.append((str(match.lastgroup), match.group(), at))
            at = match.end()
        self.tokens.append(("end", "", len(source)))
        self.heights: dict[int, int] = {}

    def fail(self, at: int, message: str) -> NoReturn:
        raise RuleSyntaxError(Problem(*place(self.source, at), message))

    def whole(self) -> Expr:
        tree = self.ternary()
        _, text, at = self.tokens[self.next]
        if at < len(self.source):
            self.fail(at, f"unexpected {text!a}")
        return tree

    def made(self, node: Expr, *children: Expr) -> Expr:
        self.nodes += 1
        height = 1 + max((self.heights.get(id(child), 0) for child in children), default=0)
        self.heights[id(node)] = height
        if self.nodes > MAX_NODES:
            self.fail(node.at, f"expression has more than {MAX_NODES} parts")
        if height > MAX_DEPTH:
            self.fail(node.at, f"expression is nested more than {MAX_DEPTH} deep")
        return node

    def take(self, text: str) -> bool:
        kind, found, _ = self.tokens[self.next]
        if found == text and kind in ("op", "name"):
            self.next += 1
            return True
        return False

    def need(self, text: str) -> None:
        if not self.take(text):
            _, found, at = self.tokens[self.next]
            self.fail(at, f"expected {text!r}, found {found!a}" if found else f"expected {text!r} before the end")

    def ternary(self) -> Expr:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(self.tokens[self.next][2], f"expression is nested more than {MAX_DEPTH} deep")
        node = self.binary(0)
        at = self.tokens[self.next][2]
        if self.take("?"):
            then = self.binary(0)
            self.need(":")
            other = self.ternary()
            node = self.made(Ternary(at, node, then, other), node, then, other)
        self.depth -= 1
        return node

    def binary(self, weakest: int) -> Expr:
        """Operators that bind at least so strongly; equal ones join from the left."""
        left = self.unary()
        while True:
            kind, op, at = self.tokens[self.next]
            level = _BINDS.get(op, -1) if kind in ("op", "name") else -1
            if level < weakest:
                return left
            self.next += 1
            right = self.binary(level + 1)
            left = self.made(Binary(at, op, left, right), left, right)

    def unary(self) -> Expr:
        signs: list[tuple[str, int]] = []
        while self.tokens[self.next][1] in ("!", "-") and self.tokens[self.next][0] == "op":
            signs.append(self.tokens[self.next][1:])
            self.next += 1
        if signs and signs[-1][0] == "-" and self.tokens[self.next][0] in ("int", "double"):
            at = signs.pop()[1]
            node = self.postfix(self.number(at, negative=True))
        else:
            node = self.postfix(self.primary())
        for op, at in reversed(signs):
            node = self.made(Unary(at, op, node), node)
        return node

    def postfix(self, node: Expr) -> Expr:
        while True:
            at = self.tokens[self.next][2]
            if self.take("."):
                kind, name, at = self.tokens[self.next]
                if kind != "name" or name in ("in", "true", "false", "null"):
                    self.fail(at, "expected a field name after '.'")
                self.next += 1
                if self.take("("):
                    args = self.items(")")
                    node = self.made(Call(at, name, node, args), node, *args)
                else:
                    node = self.made(Select(at, node, name), node)
            elif self.take("["):
                index = self.ternary()
                self.need("]")
                node = self.made(Index(at, node, index), node, index)
            else:
                return node

    def items(self, close: str) -> tuple[Expr, ...]:
        found: list[Expr] = []
        while not self.take(close):
            found.append(self.ternary())
            if not self.take(","):
                self.need(close)
                break
            if close == ")" and self.tokens[self.next][1] == ")":
                self.fail(self.tokens[self.next][2], "expected an argument after ','")
        return tuple(found)

    def number(self, at: int, negative: bool = False) -> Expr:
        kind, text, start = self.tokens[self.next]
        self.next += 1
        if self.tokens[self.next][0] == "name" and self.tokens[self.next][2] == start + len(text):
            self.fail(start, "this kind of number is not supported (integers and doubles only)")
        if kind == "double":
            return self.made(Literal(at, -float(text) if negative else float(text)))
        value = int(text, 16 if text[:2] in ("0x", "0X") else 10) if len(text) <= 40 else 2**64
        value = -value if negative else value
        if not INT_MIN <= value <= INT_MAX:
            self.fail(start, "integer does not fit 64 bits")
        return self.made(Literal(at, value))

    def primary(self) -> Expr:
        kind, text, at = self.tokens[self.next]
        if kind in ("int", "double"):
            return self.number(at)
        self.next += 1
        if kind in ("string", "raw"):
            return self.made(Literal(at, self.string(kind, text, at)))
        if kind == "name":
            return self.named(text, at)
        if text == "(":
            node = self.ternary()
            self.need(")")
            return node
        if text == "[":
            items = self.items("]")
            return self.made(ListOf(at, items), *items)
        if text == "{":
            return self.mapping(at)
        return self.fail(at, f"expected a value, found {text!a}" if text else "expected a value before the end")

    def named(self, text: str, at: int) -> Expr:
        if text in ("true", "false", "null"):
            return self.made(Literal(at, {"true": True, "false": False, "null": None}[text]))
        if text in RESERVED or text == "in":
            self.fail(at, f"'{text}' is a reserved word")
        if self.take("("):
            args = self.items(")")
            return self.made(Call(at, text, None, args), *args)
        return self.made(Name(at, text))

    def mapping(self, at: int) -> Expr:
        entries: list[tuple[Expr, Expr]] = []
        while not self.take("}"):
            key = self.ternary()
            self.need(":")
            entries.append((key, self.ternary()))
            if not self.take(","):
                self.need("}")
                break
        return self.made(MapOf(at, tuple(entries)), *(part for entry in entries for part in entry))

    def string(self, kind: str, text: str, at: int) -> str:
        if kind == "raw":
            text = text[1:]
        quote = 3 if text[:3] in ('"""', "'''") and len(text) >= 6 else 1
        body = text[quote:-quote]
        if kind == "raw":
            return body

        def plain(match: re.Match[str]) -> str:
            simple, *codes, octal, bad = match.groups()
            if simple:
                return _SIMPLE.get(simple, simple)
            number = int(octal, 8) if octal else next((int(code, 16) for code in codes if code), 0)
            if bad is not None or number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
                self.fail(at + quote + match.start(), "bad escape in string")
            return chr(number)

        return _ESCAPE.sub(plain, body)
