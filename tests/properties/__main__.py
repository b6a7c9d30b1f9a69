"""`python -m tests.properties`: every parser, its six properties, and what shows each, as a table of Markdown."""

from tests.properties.harness import PROPERTIES, Not
from tests.properties.registry import ALL, cells


def main() -> None:
    """Prints the table."""
    print("| parser |", " | ".join(PROPERTIES), "|")
    print("| --- " * (len(PROPERTIES) + 1) + "|")
    for parser in ALL:
        found = cells(parser)
        row = [f"n/a: {cell.reason}" if isinstance(cell, Not) else cell.test for cell in map(found.get, PROPERTIES)]
        print("|", ", ".join(name.removeprefix("analyzer.") for name in parser.names), "|", " | ".join(row), "|")


if __name__ == "__main__":
    main()
