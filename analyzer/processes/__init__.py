"""Other processes of this program: what runs beside the engine without changing a byte of the report."""
