"""Frames to packets: link layers, IP, UDP, TCP, SCTP and tunnels, decoded into columns."""
