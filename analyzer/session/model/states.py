"""The words for the protection of a hop (the catalogue's hop states, weak to strong)."""

from typing import Literal

YesNo = Literal["yes", "no"]
Plane = Literal["signalling", "media"]
SipState = Literal[
    "clear_udp", "clear_tcp", "ws_clear", "esp_null_auth", "tls_null",
    "esp_enc", "tls_enc", "wss", "unknown_post_decrypt",
]  # fmt: skip
RtpState = Literal[
    "clear", "osrtp_clear", "srtp_unencrypted", "srtp_unauthenticated",
    "srtp_unknown_keying", "zrtp", "srtp_mikey", "srtp_sdes", "srtp_dtls",
]  # fmt: skip
RtcpState = Literal["clear", "srtcp_auth_only", "srtcp_enc", "missing", "unknown"]
MsrpState = Literal[
    "clear", "tls_null", "tls_fp_mismatch", "tls_unverified_cert", "tls_ca_cert", "tls_fp_ok",
]  # fmt: skip
BfcpState = Literal[
    "refused_clear_error9", "refused_clear_error11", "clear_tcp", "clear_udp", "tls_null",
    "tls_fp_mismatch", "tls_unverified_cert", "tls_ca_cert", "tls_fp_ok",
    "dtls_fp_mismatch", "dtls_unverified_cert", "dtls_ca_cert", "dtls_fp_ok",
]  # fmt: skip
UdptlState = Literal[
    "clear", "dtls_fp_mismatch", "dtls_unverified", "dtls_ca_cert", "dtls_fp_ok", "rtp_encapsulated_srtp"
]
DataChannelState = Literal["clear_sctp", "dtls_fp_mismatch", "dtls_unverified_cert", "dtls_ca_cert", "dtls_fp_ok"]
AnyMediumState = Literal["esp_only", "tunnel_opaque"]  # by what is around its packets; esp_null_auth as of sip
# "unknown": no packet was seen and nothing was negotiated that would say more
HopState = (
    SipState | RtpState | MsrpState | BfcpState | UdptlState | DataChannelState | AnyMediumState | Literal["unknown"]
)
Evidence = Literal["keyed_verified", "negotiated_and_structural", "negotiated_only", "structural_only", "none"]
# what a REFER and a request that it may have led to have in common
RelationGround = Literal["target", "identity", "referred_by", "replaces", "element", "outcome"]
# why calls are of one conference
GroupedBy = Literal["uri", "identifier", "common_word", "none"]
Scope = Literal["e2ae", "e2e", "hop_by_hop", "unknown"]
ScopeDetail = Literal[
    "e2ae", "e2e", "inconsistent", "hop_by_hop_srtp", "e2ae_like", "edge_terminated_tls", "e2e_tls",
    "hop_by_hop_tls", "e2ae_dtls_srtp", "e2ae_or_e2e_ambiguous", "none",
]  # fmt: skip
Termination = Literal["proven_by_payload", "proven_by_keys", "matched", "indicated", "assumed", "unknown"]
# how it shows that the media of one hop is passed on to another, from strong to weak
Continuity = Literal["payload", "ciphertext", "messages", "headers", "reports", "offsets", "shape"]
HeardBy = Literal["ssrc", "described", "cname", "nothing"]  # what tells whose part of a mixed stream one is
MovedBy = Literal["ice_check", "mapped_address"]  # what shows that a medium runs elsewhere than described
KeyExchange = Literal["none", "sdes", "dtls", "mikey", "zrtp", "tls", "ipsec", "unknown"]
CryptoBeyond = Literal["same", "other", "none"]
CoreSide = Literal["clear", "protected", "unsecured"]
AnswerKind = Literal["secure", "clear", "refused"]
E2ae = Literal["none", "requested", "applied", "other"]
