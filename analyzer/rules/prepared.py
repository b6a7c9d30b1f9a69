"""The bundled packs as they were parsed when they were last changed: reading YAML costs more than all the rest.

`packs.json` beside them holds each pack's tree under the SHA-256 of its text. A pack that has another text is parsed,
so a change of a pack takes effect at once; a test holds that no tree is stale.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from analyzer.formats.user_file import read_bounded
from analyzer.formats.yaml_file import Node, read
from analyzer.rules.bundled import bundled_rules_dir

PREPARED = "packs.json"
_MAX_BYTES = 16 * 1024**2


def prepared(text: bytes) -> Node | None:
    """The tree of a bundled pack with this text, None if there is none."""
    tree = _trees().get(_digest(text))
    return None if tree is None else _node(tree)


def forget() -> None:
    """Lets the trees go once the packs are read: megabytes that a run would carry."""
    _trees.cache_clear()


def prepare(texts: Iterable[bytes]) -> str:
    """The content of `packs.json` for sound packs, one line a pack."""
    lines = []
    for text in texts:
        root, problems = read(text, "")
        assert root is not None
        assert not problems
        lines.append(f'"{_digest(text)}":{json.dumps(_tree(root), separators=(",", ":"))}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


@lru_cache(maxsize=1)
def _trees() -> Mapping[str, Any]:
    try:
        found = json.loads(read_bounded(bundled_rules_dir() / PREPARED, _MAX_BYTES))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _tree(node: Node) -> list[Any]:
    """[line, column, value, quoted], and where there are any, the places of keys. Lists and mappings hold trees."""
    value = node.value
    if isinstance(value, dict):
        members = {key: _tree(member) for key, member in value.items()}
        return [node.line, node.column, members, node.quoted, node.keys]
    if isinstance(value, tuple):
        value = [_tree(item) for item in value]
    return [node.line, node.column, value, node.quoted]


def _node(tree: list[Any]) -> Node:
    line, column, value, quoted = tree[:4]
    if isinstance(value, list):
        return Node(line, column, tuple(map(_node, value)), quoted)
    if not isinstance(value, dict):
        return Node(line, column, value, quoted)
    members = {key: _node(member) for key, member in value.items()}
    return Node(line, column, members, quoted, {key: (place[0], place[1]) for key, place in tree[4].items()})
