"""The YAML of rule packs."""

from analyzer.formats.yaml_file import FileProblem, Node, YamlBounds, load_yaml

BOUNDS = YamlBounds(depth=16)

__all__ = ["FileProblem", "Node", "read"]


def read(text: bytes, name: str) -> tuple[Node | None, list[FileProblem]]:
    """The document, or the problems that keep it from being read."""
    return load_yaml(text, name, BOUNDS)
