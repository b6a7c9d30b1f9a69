"""mediasec: what a packet capture proves about the security of SIP and IMS conferencing."""

__version__ = "0.1.0"
