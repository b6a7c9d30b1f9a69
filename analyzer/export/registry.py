"""The formats `--format` knows, by name. What writes a format is imported when it is asked for."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Final

from analyzer.export.options import Exporter

_WRITERS: Final = {
    "csv": ("csv", "write_findings"),
    "csv:calls": ("csv", "write_calls"),
    "csv:findings": ("csv", "write_findings"),
    "csv:hops": ("csv", "write_hops"),
    "csv:streams": ("csv", "write_streams"),
    "json": ("native", "write_native"),
    "junit": ("junit", "write_junit"),
    "markdown": ("markdown", "write_markdown"),
    "ndjson": ("native", "write_ndjson"),
    "sarif": ("sarif", "write_sarif"),
    "table": ("table", "write_table"),
}


class _Exporters(Mapping[str, Exporter]):
    def __getitem__(self, name: str) -> Exporter:
        module, function = _WRITERS[name]
        exporter: Exporter = getattr(import_module(f"analyzer.export.{module}"), function)
        return exporter

    def __iter__(self) -> Iterator[str]:
        return iter(_WRITERS)

    def __len__(self) -> int:
        return len(_WRITERS)


EXPORTERS: Final[Mapping[str, Exporter]] = _Exporters()
