"""Bits of `PacketBatch.layers`: what a packet came through on the way to its transport header."""

VLAN = 1 << 0
QINQ = 1 << 1
MPLS = 1 << 2
PPPOE = 1 << 3
GRE = 1 << 4
IPIP = 1 << 5
GTPU = 1 << 6
VXLAN = 1 << 7
UDP_ESP = 1 << 8
FRAGMENTED = 1 << 9
IP_OPTIONS = 1 << 10
EXTENSION_HEADERS = 1 << 11
AH = 1 << 12
GENEVE = 1 << 13
ESP_SHIFT = 16
"""From this bit on, of a packet that was taken out of ESP: how strong that is (`session.carrier.esp_rank`); else 0."""
