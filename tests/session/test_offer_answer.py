"""Offer and answer: the patterns of RFC 6337 table 1, glare and failure of RFC 3261 14, keys of RFC 4568 5."""

from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.addresses import Address, parse_ip
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.protocols.sdp.parser import parse
from analyzer.protocols.sdp.session import Session
from analyzer.session.offer_answer import (
    HISTORY,
    OfferAnswer,
    SdpMessage,
    chosen_crypto,
    keying,
    negotiations,
    rtcp_address,
    rtp_address,
)

KEYS = ("PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR", "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz")


def sdp(port: int, proto: str = "RTP/AVP", *attributes: str) -> Session:
    lines = ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0", f"m=audio {port} {proto} 0"]
    return parse("\r\n".join([*lines, *attributes, ""]).encode(), (), Limits())


class Dialog:
    """Writes a dialog one message a line: who, what, CSeq, SDP. `>` is sent by the initiator, `<` by the other end."""

    def __init__(self) -> None:
        self.state = OfferAnswer()
        self.frame = 0

    def __call__(self, way: str, what: str, cseq: int, body: Session | None = None, *, reliable: bool = False) -> None:
        self.frame += 1
        first, _, method = what.rpartition(" ")
        status = int(first) if first else None
        cites = (Cite(0, self.frame, 0, 0, self.frame),)
        self.state.apply(SdpMessage(method, status, way == ">", cseq, reliable, body, cites, self.frame))

    @property
    def ports(self) -> tuple[int, int | None]:
        """Offered and answered port of the exchange that stands."""
        (line,) = self.state.negotiations
        return line.offer.port, line.answer.port if line.answer else None

    @property
    def agreed(self) -> bool:
        (line,) = self.state.negotiations
        return line.agreed


def test_offer_in_invite_answer_in_2xx() -> None:
    dialog = Dialog()
    dialog(">", "INVITE", 1, sdp(10))
    assert dialog.ports == (10, None)
    assert not dialog.agreed
    dialog("<", "200 INVITE", 1, sdp(20))
    assert dialog.ports == (10, 20)
    assert dialog.agreed
    exchange = dialog.state.exchange
    assert exchange is not None
    assert exchange.final
    assert exchange.answer is not None
    assert [exchange.offer.cites[0].frame, exchange.answer.cites[0].frame] == [1, 2]


def test_offer_in_2xx_answer_in_ack() -> None:
    dialog = Dialog()
    dialog(">", "INVITE", 1)
    dialog("<", "200 INVITE", 1, sdp(20))
    dialog("<", "200 INVITE", 1, sdp(20))  # retransmitted
    dialog(">", "ACK", 1, sdp(10))
    dialog("<", "200 INVITE", 1, sdp(20))
    assert dialog.ports == (20, 10)
    (line,) = dialog.state.negotiations
    assert line.initiator is not None
    assert line.responder is not None
    assert (line.initiator.port, line.responder.port) == (10, 20)
    assert len(dialog.state.exchanges) == 1


def test_unreliable_early_media_is_a_preview_until_the_2xx() -> None:
    dialog = Dialog()
    dialog(">", "INVITE", 1, sdp(10))
    dialog("<", "183 INVITE", 1, sdp(20))
    exchange = dialog.state.exchange
    assert exchange is not None
    assert not exchange.final
    assert dialog.ports == (10, 20)
    dialog("<", "200 INVITE", 1, sdp(21))
    assert dialog.ports == (10, 21)
    assert len(dialog.state.exchanges) == 1


def test_reliable_provisional_answers_and_the_2xx_only_repeats() -> None:
    dialog = Dialog()
    dialog(">", "INVITE", 1, sdp(10))
    dialog("<", "183 INVITE", 1, sdp(20), reliable=True)
    dialog(">", "PRACK", 2)
    dialog(">", "UPDATE", 3, sdp(11))
    dialog("<", "200 UPDATE", 3, sdp(22))
    dialog("<", "200 INVITE", 1, sdp(20))  # many repeat the answer here; it is no new offer
    assert dialog.ports == (11, 22)
    assert len(dialog.state.exchanges) == 2


def test_offer_in_reliable_provisional_answer_in_prack() -> None:
    dialog = Dialog()
    dialog(">", "INVITE", 1)
    dialog("<", "183 INVITE", 1, sdp(20), reliable=True)
    dialog(">", "PRACK", 2, sdp(10))
    dialog("<", "200 PRACK", 2)
    dialog("<", "200 INVITE", 1, sdp(20))
    assert dialog.ports == (20, 10)


def test_offer_in_prack_answer_in_its_2xx() -> None:
    dialog = Dialog()
    dialog(">", "INVITE", 1, sdp(10))
    dialog("<", "183 INVITE", 1, sdp(20), reliable=True)
    dialog(">", "PRACK", 2, sdp(11))
    dialog("<", "200 PRACK", 2, sdp(21))
    assert dialog.ports == (11, 21)


def test_update_from_the_other_end() -> None:
    dialog = Dialog()
    dialog(">", "INVITE", 1, sdp(10))
    dialog("<", "200 INVITE", 1, sdp(20))
    dialog("<", "UPDATE", 7, sdp(25))
    assert dialog.ports == (10, 20)
    dialog(">", "200 UPDATE", 7, sdp(15))
    assert dialog.ports == (25, 15)


def test_a_refused_medium_is_not_agreed() -> None:
    dialog = Dialog()
    dialog(">", "INVITE", 1, sdp(10))
    dialog("<", "200 INVITE", 1, sdp(0))  # RFC 3264 6
    assert not dialog.agreed


def test_a_failed_reinvite_leaves_what_was_agreed() -> None:
    dialog = Dialog()
    dialog(">", "INVITE", 1, sdp(10))
    dialog("<", "200 INVITE", 1, sdp(20))
    dialog(">", "INVITE", 2, sdp(11))
    dialog("<", "183 INVITE", 2, sdp(21))
    dialog("<", "488 INVITE", 2)
    assert dialog.ports == (10, 20)
    dialog(">", "INVITE", 3, sdp(12))
    dialog("<", "183 INVITE", 3, sdp(22), reliable=True)
    assert dialog.ports == (12, 22)
    dialog("<", "503 INVITE", 3)
    assert dialog.ports == (10, 20)
    dialog(">", "INVITE", 4)
    dialog("<", "183 INVITE", 4, sdp(23), reliable=True)
    dialog(">", "PRACK", 5, sdp(13))
    dialog("<", "503 INVITE", 4)
    assert dialog.ports == (10, 20)


def test_glare() -> None:
    dialog = Dialog()
    dialog(">", "INVITE", 1, sdp(10))
    dialog("<", "200 INVITE", 1, sdp(20))
    dialog("<", "INVITE", 2, sdp(25))
    dialog(">", "INVITE", 2, sdp(11))  # the same CSeq by chance: each end counts its own (RFC 3261 12.2.1.1)
    dialog("<", "491 INVITE", 2)
    dialog(">", "200 INVITE", 2, sdp(15))
    assert dialog.ports == (25, 15)
    dialog("<", "INVITE", 3, sdp(26))
    dialog(">", "INVITE", 3, sdp(16))
    dialog(">", "491 INVITE", 3)
    dialog("<", "491 INVITE", 3)
    assert dialog.ports == (25, 15)
    dialog(">", "INVITE", 4, sdp(17))
    dialog("<", "200 INVITE", 4, sdp(27))
    assert dialog.ports == (17, 27)


def test_a_challenged_invite_is_offered_again() -> None:
    dialog = Dialog()
    dialog(">", "INVITE", 1, sdp(10))
    dialog("<", "407 INVITE", 1)
    assert dialog.ports == (10, None)
    dialog(">", "INVITE", 2, sdp(12))
    dialog("<", "200 INVITE", 2, sdp(20))
    assert dialog.ports == (12, 20)


def test_a_downgrade_can_be_seen_in_the_history() -> None:
    dialog = Dialog()
    for cseq, proto in enumerate(("RTP/SAVP", "RTP/AVP"), 1):
        dialog(">", "INVITE", cseq, sdp(10, proto))
        dialog("<", "200 INVITE", cseq, sdp(20, proto))
    lines = [negotiations(exchange)[0] for exchange in dialog.state.exchanges]
    assert [line.offer.proto for line in lines] == ["RTP/SAVP", "RTP/AVP"]


def test_the_answer_names_the_line_and_each_key_protects_what_its_end_sends() -> None:
    suite = "AES_CM_128_HMAC_SHA1_80"
    dialog = Dialog()
    offer = sdp(
        10, "RTP/SAVP", f"a=crypto:1 F8_128_HMAC_SHA1_80 inline:{KEYS[1]}", f"a=crypto:2 {suite} inline:{KEYS[0]}"
    )
    dialog(">", "INVITE", 1, offer)
    dialog("<", "200 INVITE", 1, sdp(20, "RTP/SAVP", f"a=crypto:2 {suite} inline:{KEYS[1]}"))
    (line,) = dialog.state.negotiations
    ours, theirs = chosen_crypto(line)
    assert ours is offer.media[0].crypto[1]
    assert theirs is not None
    assert theirs.keys[0].key != ours.keys[0].key
    assert keying(line) == "sdes"


def test_addresses() -> None:
    ip = parse_ip("192.0.2.1")
    assert ip is not None
    assert rtp_address(sdp(10).media[0]) == Address(ip, 10)
    assert rtcp_address(sdp(10).media[0]) == Address(ip, 11)
    assert rtcp_address(sdp(10, "RTP/AVP", "a=rtcp-mux").media[0]) == Address(ip, 10)
    assert rtcp_address(sdp(10, "RTP/AVP", "a=rtcp:77").media[0]) == Address(ip, 77)
    other = parse_ip("2001:db8::1")
    assert other is not None
    assert rtcp_address(sdp(10, "RTP/AVP", "a=rtcp:77 IN IP6 2001:db8::1").media[0]) == Address(other, 77)
    assert rtcp_address(sdp(65_535).media[0]) is None
    assert rtp_address(sdp(0).media[0]) is None


METHODS = ["INVITE", "ACK", "PRACK", "UPDATE", *(f"{n} INVITE" for n in (183, 200, 491)), "200 UPDATE", "200 PRACK"]
MESSAGES = st.tuples(
    st.sampled_from("<>"),
    st.sampled_from(METHODS),
    st.integers(1, 3),
    st.sampled_from([None, sdp(10), sdp(0), sdp(9, "RTP/SAVP")]),
    st.booleans(),
)  # fmt: skip


@given(st.lists(MESSAGES, max_size=120))
def test_any_order_is_taken_and_the_history_is_bounded(
    messages: list[tuple[str, str, int, Session | None, bool]],
) -> None:
    dialog = Dialog()
    for way, what, cseq, body, reliable in messages:
        dialog(way, what, cseq, body, reliable=reliable)
        for line in dialog.state.negotiations:
            assert not line.agreed or line.answer is not None
    assert len(dialog.state.exchanges) <= HISTORY
