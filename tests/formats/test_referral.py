"""Refer-To as RFC 3515 2.1 and RFC 4579 write it, message/sipfrag as RFC 3420 does."""

from analyzer.core.limits import Limits
from analyzer.formats.referral import Replaces, parse_refer_to, parse_referred_by, parse_sipfrag


def test_the_forms_of_refer_to() -> None:
    """The examples of RFC 3515 2.1."""
    plain = parse_refer_to("sip:alice@atlanta.example.com")
    assert (plain.uri, plain.method, plain.replaces, plain.headers) == (
        "sip:alice@atlanta.example.com", "INVITE", None, (),
    )  # fmt: skip
    headers = parse_refer_to(
        "<sip:bob@biloxi.example.net?Accept-Contact=sip:bobsdesk.biloxi.example.net&Call-ID=55432%40alicepc>"
    )
    assert headers.headers == (("Accept-Contact", "sip:bobsdesk.biloxi.example.net"), ("Call-ID", "55432@alicepc"))
    method = parse_refer_to("<sip:carol@cleveland.example.org;method=SUBSCRIBE>")
    assert (method.uri, method.method) == ("sip:carol@cleveland.example.org", "SUBSCRIBE")
    assert parse_refer_to("http://www.ietf.org").uri == "http://www.ietf.org"


def test_a_transfer_replaces_a_dialog() -> None:
    found = parse_refer_to(
        "<sip:dave@denver.example.org?Replaces=12345%40192.168.118.3%3Bto-tag%3D12345%3Bfrom-tag%3D5FFE-3994>"
    )
    assert found.replaces == Replaces("12345@192.168.118.3", "5FFE-3994", "12345", False)


def test_other_parameters_stay() -> None:
    """RFC 4579 5.12: a participant is removed by a REFER with method=BYE."""
    found = parse_refer_to("Carol <sip:carol@chicago.example.com;transport=tcp;method=BYE>;x=1")
    assert (found.uri, found.method) == ("sip:carol@chicago.example.com;transport=tcp", "BYE")


def test_a_list_in_the_body() -> None:
    """RFC 5368 6: Refer-To points at the body with the recipients."""
    assert parse_refer_to("<cid:cn35t8jf02@example.com>").list


def test_referred_by() -> None:
    """RFC 3892 3."""
    assert parse_referred_by('"R" <sip:r@ref.example>;cid="20398823.2UWQFN309shb3@ref.example"') == "sip:r@ref.example"


def test_a_status_line() -> None:
    """RFC 3515 2.4.5."""
    trying, done = (parse_sipfrag(f"SIP/2.0 {line}\r\n".encode(), Limits()) for line in ("100 Trying", "200 OK"))
    assert (trying.status, trying.reason, trying.final) == (100, "Trying", False)
    assert (done.status, done.reason, done.final) == (200, "OK", True)


def test_a_request_line_with_headers() -> None:
    """RFC 3420 2.2: any part of a message, headers alone among them."""
    frag = parse_sipfrag(b"INVITE sip:alice@atlanta.com SIP/2.0\r\nFrom: <sip:a@b>;tag=1\r\n\r\nrest", Limits())
    assert (frag.method, frag.uri, frag.headers) == (
        "INVITE", "sip:alice@atlanta.com", (("From", "<sip:a@b>;tag=1"),),
    )  # fmt: skip
    alone = parse_sipfrag(b"From: <sip:a@b>\r\n", Limits())
    assert (alone.status, alone.method, alone.headers) == (None, "", (("From", "<sip:a@b>"),))
