"""The formats `--format` knows, by name."""

from analyzer.export import csv
from analyzer.export.junit import write_junit
from analyzer.export.markdown import write_markdown
from analyzer.export.native import write_native, write_ndjson
from analyzer.export.options import Exporter
from analyzer.export.sarif import write_sarif
from analyzer.export.table import write_table

EXPORTERS: dict[str, Exporter] = {
    "csv": csv.write_findings,
    "csv:calls": csv.write_calls,
    "csv:findings": csv.write_findings,
    "csv:hops": csv.write_hops,
    "csv:streams": csv.write_streams,
    "json": write_native,
    "junit": write_junit,
    "markdown": write_markdown,
    "ndjson": write_ndjson,
    "sarif": write_sarif,
    "table": write_table,
}
