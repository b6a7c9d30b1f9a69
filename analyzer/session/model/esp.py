"""ESP security associations as rules see them."""

from analyzer.core.frozen import frozen
from analyzer.core.unknown import Tristate, Unknown
from analyzer.session.model.base import Cites, rule_field


@frozen
class EspSa:
    """One direction of ESP between two addresses (RFC 4303; TS 33.203)."""

    spi: str = rule_field("its SPI, 0x and eight hexadecimal digits")
    from_node: str = rule_field("stable name of the sender: its node name, else its address")
    to_node: str = rule_field("stable name of the receiver")
    access: Tristate = rule_field("one end is a UE: Gm")
    cipher: str | Unknown = rule_field("null, aes-cbc, aes-ctr, aes-gcm, aes-gmac, des-ede3-cbc")
    auth: str | Unknown = rule_field("the integrity algorithm, as alg of Security-Server has it where there is one")
    tunnel: Tristate = rule_field("tunnel mode; else transport mode")
    agreed: bool = rule_field("a registration of the capture set it up (Security-Server)")
    parties_agreed: bool = rule_field("a registration of the capture agreed on associations between its two ends")
    stray: Tristate = rule_field(
        "it is none of them; unknown: what was agreed before that registration may still be in use"
    )
    packets: int = rule_field("distinct packets")
    auth_failed: int = rule_field("packets that fail the check value of every key that may be theirs")
    replayed: int = rule_field("packets sent again later, with the same bytes")
    reused: int = rule_field("sequence numbers that came again with other bytes")
    restarted: int = rule_field("times its sequence numbers began anew")
    first: Cites = rule_field("the first packet")
