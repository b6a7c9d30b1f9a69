"""Where the rule packs that come with the program lie."""

from pathlib import Path


def bundled_rules_dir() -> Path:
    """The folder of the bundled packs: inside the installed package, else beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "_bundled" / "rules"
    return inside if inside.is_dir() else package.parent / "rules"
