"""Key and bytes to plaintext, or to a reason: pure functions."""
