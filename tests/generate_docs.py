"""Writes the pages and schemas that are made from the code: `make docs`. A test holds what is committed against it."""

import dataclasses
import importlib
import io
import json
import pkgutil
import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import analyzer
from analyzer.app.offline import analyze
from analyzer.app.settings import Settings, Silent
from analyzer.core.anomalies import registry
from analyzer.export.options import ExportOptions
from analyzer.export.table import write_table
from analyzer.report.keys import json_name
from analyzer.report.model import Report
from analyzer.report.words import SCHEMA_ID
from analyzer.rules.bundled import bundled_rules_dir
from analyzer.rules.frameworks import FOLDER, framework_docs, load_frameworks
from analyzer.rules.load import load_rules
from analyzer.rules.prepared import PREPARED, prepare
from analyzer.rules.tooling import docs, model_docs, schema
from analyzer.session.key_bundle_schema import key_bundle_schema
from analyzer.session.topology_schema import topology_schema

ROOT = Path(__file__).resolve().parent.parent
MADE = "Made by `make docs` from the code; do not edit."


def pages() -> dict[str, str]:
    """Every generated file by its path from the root of the repository."""
    rules, problems = load_rules([bundled_rules_dir()])
    assert not problems, problems
    made = {f"docs/rules/{name}": _signed(text) for name, text in docs(rules).items()}
    frameworks, wrong = load_frameworks(bundled_rules_dir())
    assert not wrong, wrong
    made["docs/statements.md"] = _signed(framework_docs(frameworks))
    made["docs/model.md"] = _signed(model_docs())
    made["docs/anomalies.md"] = _signed(_anomalies())
    made["docs/report-schema.md"] = _signed(_report_schema())
    made["docs/topology.schema.json"] = json.dumps(topology_schema(), indent=2) + "\n"
    made["docs/keys.schema.json"] = json.dumps(key_bundle_schema(), indent=2) + "\n"
    made["rules/rule.schema.json"] = json.dumps(schema(), indent=2) + "\n"
    made["README.md"] = _with_demo((ROOT / "README.md").read_text("utf-8"))
    return made


def packs() -> str:
    """The bundled packs as they are loaded; a stale file costs time and nothing else, so no test holds it current."""
    folder = bundled_rules_dir()
    return prepare(path.read_bytes() for path in sorted([*folder.glob("*.yaml"), *folder.glob(f"{FOLDER}/*.yaml")]))


_DEMO = re.compile(r"(?<=<!-- demo -->\n```\n).*?(?=```\n<!-- /demo -->)", re.DOTALL)
_SHOWN_LINES = {"mediasec": 9, "Open": 3, "Notes": 3, "Findings": 8}  # of a section; of other sections none
_SHOWN_HOPS = ("sip", "audio", "message")  # of the first call: the first hop and the last of each medium


def _with_demo(readme: str) -> str:
    """The README with what the demo says today, shortened; sections left out are marked."""
    shown: list[str] = []
    for section in _demo().strip().split("\n\n"):
        name = section.split(" ", 1)[0].rstrip(":")
        lines = section.split("\n")
        kept = _hops(lines) if lines[0] == "Hops of call-1" else lines[: _SHOWN_LINES.get(name, 0)]
        if kept:
            shown += ["", *kept] if shown else kept
        if len(kept) < len(lines) and shown[-1] != "[...]":
            shown.append("[...]")
    text = "\n".join(shown) + "\n"
    return _DEMO.sub(lambda _: text, readme)


def _hops(lines: list[str]) -> list[str]:
    """Heads, and of each medium its first and its last hop, whole."""
    first = next(at for at, line in enumerate(lines) if line.startswith("hop-"))
    hops: list[list[str]] = []
    for line in lines[first:]:
        if line.startswith("hop-"):
            hops.append([])
        hops[-1].append(line)
    wanted = [hop for medium in _SHOWN_HOPS for hop in _ends([h for h in hops if h[1].startswith(medium)])]
    return [*lines[:first], *(line for hop in wanted for line in hop)]


def _ends(hops: list[list[str]]) -> list[list[str]]:
    return hops if len(hops) < 2 else [hops[0], hops[-1]]


def _demo() -> str:
    """The demo's report as a pipe gets it."""
    files = [ROOT / "samples" / name for name in ("e2ae-all.pcapng", "e2ae-all.tls-keylog.txt", "lab.topology.yaml")]
    report = analyze(Settings(captures=(str(files[0]),), keys=(files[1],), topology=files[2]), Silent()).report
    assert report is not None
    out = io.BytesIO()
    write_table(report, out, ExportOptions())
    return out.getvalue().decode("utf-8")


def _signed(text: str) -> str:
    return f"{text.rstrip()}\n\n{MADE}\n"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _anomalies() -> str:
    for module in pkgutil.walk_packages(analyzer.__path__, "analyzer."):
        importlib.import_module(module.name)
    lines = [
        "# Anomalies", "",
        ("What the wire or the capture did wrong, by its stable name. `capture`: the capture, not the traffic, is at "
        "fault; `internal`: this program is. The report lists each with its count and its first frames; `info` kinds "
        "are worth knowing and no fault."), "",
        _row("code", "severity", "origin", "meaning", "reference"), _row(*["---"] * 5),
    ]  # fmt: skip
    lines += [
        _row(f"`{kind.code}`", kind.severity.label, kind.origin, kind.title, kind.reference)
        for kind in registry().values()
    ]
    return "\n".join(lines)


def _report_schema() -> str:
    lines = [
        f"# The report, field by field: `{SCHEMA_ID}`", "",
        ("What the fields mean together stands in [report.md](report.md). The JSON Schema is "
         "`analyzer/report/mediasec-report-1.schema.json`."),
    ]  # fmt: skip
    for cls in _classes(Report, {}):
        hints = typing.get_type_hints(cls)
        lines += ["", f"## {cls.__name__}", "", (cls.__doc__ or "").strip().split("\n\n")[0].replace("\n", " "), ""]
        lines += [_row("key", "type", "meaning"), _row(*["---"] * 3)]
        lines += [
            _row(f"`{json_name(field)}`", _type(hints[field.name]), field.metadata["doc"])
            for field in dataclasses.fields(cls)
        ]
    return "\n".join(lines)


def _classes(cls: type[Any], seen: dict[type, None]) -> dict[type, None]:
    """The report's classes in the order a reader meets them."""
    seen.setdefault(cls)
    for hint in typing.get_type_hints(cls).values():
        for part in _parts(hint):
            if dataclasses.is_dataclass(part) and part not in seen:
                _classes(typing.cast("type[Any]", part), seen)
    return seen


def _parts(hint: Any) -> Iterator[Any]:
    yield hint
    for argument in typing.get_args(hint):
        yield from _parts(argument)


def _type(hint: Any) -> str:
    """A type as a reader of JSON sees it."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return ", ".join(f"`{word}`" for word in arguments)
    if origin is Sequence:
        return f"list of {_type(arguments[0])}"
    if origin is Mapping:
        return f"map of {_type(arguments[1])}"
    if arguments:
        return " or ".join(dict.fromkeys(_type(argument) for argument in arguments))
    if dataclasses.is_dataclass(hint):
        name = typing.cast("type[Any]", hint).__name__
        return f"[{name}](#{name.lower()})"
    return {str: "text", int: "integer", float: "number", bool: "true or false", type(None): "null"}[hint]


def main() -> None:
    """Writes every generated file, and removes pages of rules that are gone."""
    made = pages()
    for gone in {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs/rules").glob("*.md")} - set(made):
        (ROOT / gone).unlink()
    made[f"rules/{PREPARED}"] = packs()
    for name, text in made.items():
        path = ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    print(f"{len(made)} files written")


if __name__ == "__main__":
    main()
