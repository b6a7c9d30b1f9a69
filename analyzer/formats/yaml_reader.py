"""What the readers of the user's YAML files have in common: every problem is collected, with its place."""

import difflib
from collections.abc import Iterable

from analyzer.core.text import safe
from analyzer.formats.yaml_file import FileProblem, Node

_SHOWN = 40  # characters of a wrong word that a message repeats


def near(word: str, known: Iterable[str]) -> str:
    """The near miss of a misspelt word, as the end of a message."""
    close = difflib.get_close_matches(word, sorted(known), 1, 0.5)
    return f"; did you mean '{close[0]}'?" if close else ""


class YamlReader:
    """Takes nodes apart; what is not as it must be is a problem, and reads as nothing."""

    def __init__(self, name: str, problems: list[FileProblem]) -> None:
        self.name = name
        self.problems = problems

    def wrong(self, node: Node, message: str) -> None:
        """A problem where a node stands."""
        self.problems.append(FileProblem(self.name, node.line, node.column, message))

    def quoted(self, word: str) -> str:
        """A mistaken word, as a problem shows it."""
        return f"'{safe(word, _SHOWN)}'"

    def mapping(self, node: Node | None, known: Iterable[str] | None = None) -> dict[str, Node]:
        """The nodes by key; a key that is not among the known ones is a problem where it stands."""
        if node is None or node.value is None:
            return {}
        if not isinstance(node.value, dict):
            self.wrong(node, "expected a mapping")
            return {}
        if known is not None:
            names = list(known)
            for key in node.value:
                if key not in names:
                    message = f"unknown key {self.quoted(key)}{near(key, names)}"
                    self.problems.append(FileProblem(self.name, *node.keys[key], message))
        return node.value

    def items(self, node: Node | None) -> tuple[Node, ...]:
        """The nodes of a list."""
        if node is None or node.value is None:
            return ()
        if not isinstance(node.value, tuple):
            self.wrong(node, "expected a list")
            return ()
        return node.value

    def word(self, node: Node | None, allowed: Iterable[str] = ()) -> str:
        """A text, one of `allowed` where there are any."""
        if node is None:
            return ""
        if not isinstance(node.value, str):
            self.wrong(node, "expected text")
            return ""
        choices = list(allowed)
        if choices and node.value not in choices:
            self.wrong(node, f"{self.quoted(node.value)} is not one of {', '.join(choices)}{near(node.value, choices)}")
        return node.value

    def format(self, keys: dict[str, Node], root: Node) -> None:
        """The version of a file's format: this program reads 1."""
        if "format" not in keys or keys["format"].value != 1 or keys["format"].value is True:
            self.wrong(keys.get("format", root), "expected 'format: 1'")
