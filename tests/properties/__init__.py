"""The six properties of house.md for every parser: registered once, shown by the same tests (see `harness`)."""
