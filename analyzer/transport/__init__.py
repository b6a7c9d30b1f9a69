"""Flows, TCP reassembly with the frame of every byte, IP defragmentation."""
