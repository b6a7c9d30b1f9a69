"""YAML with positions: bounded before it is built, duplicate keys and aliases refused."""

from dataclasses import field
from typing import Any

from analyzer.core.frozen import frozen

MAX_BYTES = 1024**2


@frozen(order=True)
class FileProblem:
    """What is wrong in a file a user wrote; line and column count from 1."""

    name: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.name}:{self.line}:{self.column}: {self.message}"


@frozen
class Node:
    """A value and its place: a scalar, a tuple of nodes, or a dict of nodes by key.

    `keys` has the line and column of each key of a dict; `quoted` tells a word in quotes from a bare one.
    """

    line: int
    column: int
    value: Any
    quoted: bool = False
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)

    def plain(self) -> Any:
        """The value without places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, tuple):
            return [node.plain() for node in self.value]
        return self.value


def read(text: bytes, name: str) -> tuple[Node | None, list[FileProblem]]:
    """The document, or the problems that keep it from being read."""
    problems: list[FileProblem] = []
    if len(text) > MAX_BYTES:
        return None, [FileProblem(name, 1, 1, f"file is larger than {MAX_BYTES} bytes")]
    from analyzer.formats.yaml_tree import parse  # the parser takes a tenth of a second to import

    return parse(text, name, problems)
