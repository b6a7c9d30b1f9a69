"""The report's types and schema; redaction and ordinals happen at this border."""
