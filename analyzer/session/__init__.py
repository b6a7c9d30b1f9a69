"""Dialogs, offer/answer, media streams, hops, calls, the keyring: what the messages mean together."""
