"""The YAML parser behind `yaml_file.read`."""

import re
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, MappingStartEvent, NodeEvent, SequenceStartEvent
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from analyzer.formats.yaml_file import FileProblem, Node

MAX_NODES, MAX_DEPTH = 50_000, 16
_HALF = re.compile("[\ud800-\udfff]")


def parse(text: bytes, name: str, problems: list[FileProblem]) -> tuple[Node | None, list[FileProblem]]:
    """See `yaml_file.read`."""
    try:
        decoded = text.decode("utf-8")
        _bounded(decoded, name, problems)
        root = None if problems else YAML(pure=True).compose(decoded)
    except UnicodeDecodeError:
        return None, [FileProblem(name, 1, 1, "file is not UTF-8")]
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        return None, [FileProblem(name, at[0], at[1], str(error.problem or error.context))]
    except (YAMLError, ValueError, RecursionError) as error:
        return None, [FileProblem(name, 1, 1, f"not YAML: {str(error).partition(chr(10))[0]}")]
    if root is None:
        return None, problems or [FileProblem(name, 1, 1, "file is empty")]
    return _node(root, name, problems), problems


def _bounded(text: str, name: str, problems: list[FileProblem]) -> None:
    depth = 0
    for count, event in enumerate(YAML(pure=True).parse(text)):
        opens = isinstance(event, MappingStartEvent | SequenceStartEvent)
        depth += 1 if opens else -1 if type(event).__name__ in ("MappingEndEvent", "SequenceEndEvent") else 0
        wrong = ""
        if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor):
            wrong = "anchors and aliases are not allowed"
        elif depth > MAX_DEPTH:
            wrong = f"nested more than {MAX_DEPTH} deep"
        elif count > MAX_NODES:
            wrong = "file has too many parts"
        if wrong:
            problems.append(FileProblem(name, event.start_mark.line + 1, event.start_mark.column + 1, wrong))
            return


def _node(raw: Any, name: str, problems: list[FileProblem]) -> Node:
    line, column = raw.start_mark.line + 1, raw.start_mark.column + 1
    if isinstance(raw, SequenceNode):
        return Node(line, column, tuple(_node(item, name, problems) for item in raw.value))
    if isinstance(raw, MappingNode):
        made: dict[str, Node] = {}
        keys: dict[str, tuple[int, int]] = {}
        for key, value in raw.value:
            place = (name, key.start_mark.line + 1, key.start_mark.column + 1)
            word = _joined(key.value) if isinstance(key, ScalarNode) else None
            if word is None:
                problems.append(FileProblem(*place, "a key must be a word"))
            elif word in made:
                problems.append(FileProblem(*place, f"duplicate key '{word}'"))
            else:
                made[word] = _node(value, name, problems)
                keys[word] = place[1:]
        return Node(line, column, made, keys=keys)
    text = _joined(str(raw.value))
    if text is None:
        problems.append(FileProblem(name, line, column, "a \\u escape that is half of a character"))
        return Node(line, column, None)
    return Node(line, column, _scalar(raw, text), raw.style in ("'", '"'))


def _joined(text: str) -> str | None:
    """The text with characters that JSON writes as two escapes put together (RFC 8259 7); None if one is alone."""
    if _HALF.search(text) is None:
        return text
    try:
        return text.encode("utf-16-be", "surrogatepass").decode("utf-16-be")
    except UnicodeDecodeError:
        return None


def _scalar(raw: Any, text: str) -> bool | int | float | str | None:
    kind = str(raw.tag).rpartition(":")[2]
    try:
        if kind == "int" and len(text) <= 24:
            return int(text, 0)
        if kind == "float":
            return float(text)
    except ValueError:
        return text
    if kind == "bool":
        return text.lower() == "true"
    return None if kind == "null" else text
