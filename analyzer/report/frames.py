"""Data frames of a report: the one place that imports pandas."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from analyzer.report.model import Call, Finding, Hop, Report, Stream
from analyzer.report.tree import plan, to_tree

if TYPE_CHECKING:
    import pandas as pd

SECTIONS: tuple[tuple[str, type], ...] = (("calls", Call), ("hops", Hop), ("streams", Stream), ("findings", Finding))


def flat(row: Any) -> dict[str, Any]:
    """A row's cells: scalars as they are, lists of words joined by spaces, lists of objects as their number.

    Maps become `key=value` words, an object its own cells under `name.key`.
    """
    cells: dict[str, Any] = {}
    for name, value in to_tree(row).items():
        if isinstance(value, Mapping) and name == "accepted":
            cells[name] = value["reason"]
        elif isinstance(value, Mapping):
            cells[name] = " ".join(f"{k}={v}" for k, v in value.items())
        elif isinstance(value, list):
            cells[name] = _joined(value)
        else:
            cells[name] = value
    return cells


def _joined(items: list[Any]) -> str | int:
    if items and isinstance(items[0], Mapping):
        return len(items)
    return " ".join(str(item) for item in items)


def columns(cls: type) -> list[str]:
    """The column names of a section."""
    return [field.name for field in plan(cls)]


def _frame(rows: Iterable[Any], cls: type) -> "pd.DataFrame":
    import pandas as pd  # half a second, so only when frames are asked for

    return pd.DataFrame([flat(row) for row in rows], columns=columns(cls))


def frames(report: Report) -> "dict[str, pd.DataFrame]":
    """Calls, hops, streams and findings as data frames."""
    return {name: _frame(getattr(report, name), cls) for name, cls in SECTIONS}
