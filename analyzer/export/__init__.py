"""A report to bytes: JSON, NDJSON, table, SARIF, CSV, data frames."""
