"""Sans-io parsers, one package a protocol, blind to each other."""
