"""Brings a receiver that starts at roll-over counter 0 to a later one, by packets made for it.

libsrtp, as pylibsrtp exposes it, has no way to set the counter. Its key is known, so it is shown empty packets
which lead its packet index through the wraps (RFC 3711 3.3.1): three a counter.
"""

import hmac

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from analyzer.crypto.srtp.engine import SrtpContext
from analyzer.crypto.srtp.kdf import Label, derive

_STEPS = (0x1000, 0x8000, 0xF000)  # each within half the range of the one before, over the wrap too


def lead(context: SrtpContext, ssrc: int, roc: int, seq: int) -> list[bytes]:
    """Packets after which a receiver of this key has opened packet index `roc` * 65536 + `seq`."""
    indices = [counter << 16 | step for counter in range(roc) for step in _STEPS]
    target = roc << 16 | seq
    indices += [index for step in _STEPS if (index := roc << 16 | step) < target]
    return [_empty(context, ssrc, index) for index in (*indices, target)]


def _empty(context: SrtpContext, ssrc: int, index: int) -> bytes:
    header = b"\x80\x00" + (index & 0xFFFF).to_bytes(2, "big") + bytes(4) + ssrc.to_bytes(4, "big")
    suite = context.suite
    master, salt = context.master_and_salt
    if suite.cipher == "gcm":
        key = derive(master, salt, Label.RTP_KEY, suite.key)
        mask = int.from_bytes(derive(master, salt, Label.RTP_SALT, suite.salt).reveal(), "big")
        nonce = ((ssrc << 48 | index) ^ mask).to_bytes(12, "big")
        return header + AESGCM(key.reveal()).encrypt(nonce, b"", header)
    auth = derive(master, salt, Label.RTP_AUTH, suite.auth_key)
    tag = hmac.digest(auth.reveal(), header + (index >> 16).to_bytes(4, "big"), "sha1")
    return header + tag[: context.rtp_tag]
