"""A report as JSON and back: the same report gives the same bytes, one row a line."""

import dataclasses
import io
import json
import typing
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO, get_args, get_origin

from analyzer.report.model import Report
from analyzer.report.rows import Rows, encode_row
from analyzer.report.tree import Reader, plan


class ReportError(ValueError):
    """The file is no report of this schema; `problems` names everything wrong with it, by path."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def fragments(section: Iterable[Any]) -> Iterator[bytes]:
    """Each row of a section as compact JSON; `Rows` are passed on as they are."""
    if isinstance(section, Rows):
        yield from section.fragments
    else:
        for row in section:
            yield encode_row(row)


def write_json(report: Report, out: BinaryIO) -> None:
    """Writes the report, holding one row at a time: sections may be lazy iterables, each is walked once, in order."""
    opening = b"{"
    for field in plan(Report):
        out.write(opening + b"\n" + json.dumps(field.name).encode() + b": ")
        opening = b","
        value = getattr(report, field.attribute)
        if get_origin(field.hint) is Sequence:
            _write_rows(value, out)
        else:
            out.write(encode_row(value))
    out.write(b"\n}\n")


def _write_rows(section: Iterable[Any], out: BinaryIO) -> None:
    separator = b"[\n"
    for fragment in fragments(section):
        out.write(separator + fragment)
        separator = b",\n"
    out.write(b"[]" if separator == b"[\n" else b"\n]")


def to_json(report: Report) -> bytes:
    """The report as JSON: UTF-8, keys in declared order, maps sorted, one row a line."""
    out = io.BytesIO()
    write_json(report, out)
    return out.getvalue()


def from_json(data: bytes) -> Report:
    """The report a JSON file holds; its large sections stay encoded (`Rows`).

    Raises ReportError naming every problem, unknown and repeated keys among them.
    """
    reader = Reader()
    tree = _parse(data, reader)
    if reader.problems:
        raise ReportError(reader.problems)
    if not isinstance(tree, dict):
        raise ReportError(["report: expected an object"])
    if tree.get("schema") != dataclasses.fields(Report)[0].default:
        raise ReportError(["schema: expected mediasec-report/1"])
    large: dict[str, list[Any]] = {}
    for field in plan(Report):
        if get_origin(field.hint) is Sequence and isinstance(tree.get(field.name), list):
            large[field.attribute], tree[field.name] = tree[field.name], []
    report = reader.row(Report, tree, "")
    sections: dict[str, Any] = {name: _section(name, rows, reader) for name, rows in large.items()}
    if report is None or reader.problems:
        raise ReportError(reader.problems)
    return dataclasses.replace(report, **sections)


def _section(name: str, trees: list[Any], reader: Reader) -> Rows[Any]:
    """Reads and re-encodes row by row, so that trees and objects never exist together."""
    cls = get_args(typing.get_type_hints(Report)[name])[0]
    encoded = []
    for index in range(len(trees)):
        row = reader.row(cls, trees[index], f"{name}[{index}]")
        trees[index] = None
        if row is not None:
            encoded.append(encode_row(row))
    return Rows(cls, encoded)


def _parse(data: bytes, reader: Reader) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        tree = dict(pairs)
        if len(tree) != len(pairs):
            reader.problem("report", "a key appears twice in one object")
        return tree

    def constant(name: str) -> None:
        reader.problem("report", f"{name} is not JSON")

    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=unique, parse_constant=constant)
    except (ValueError, RecursionError) as error:
        reader.problem("report", f"not JSON: {error}")
        return None
