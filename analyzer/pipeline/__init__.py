"""The engine: feed(batch), tick(now), finish()."""
