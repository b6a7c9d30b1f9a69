"""The lab: an IMS of real components in network namespaces, and the captures, keys and truth it leaves."""
