"""rtpengine's log of SRTP keys. The lines are those of a real one, with other keys."""

import base64

from analyzer.core.secrets import Secret
from analyzer.formats.rtpengine_log import LoggedKey, LogProblem, looks_like, parse

KEY, SALT = bytes(range(16)), bytes(range(14))
WORDS = f"AES_CM_128_HMAC_SHA1_80 key {base64.b64encode(KEY).decode()} salt {base64.b64encode(SALT).decode()}"
LOG = (
    "[1795404409.005035] ERR: [7b7740f29d63cdf8 port 30000]: [srtp] SRTP keys, incoming:\n"
    f"[1795404409.005041] ERR: [7b7740f29d63cdf8 port 30000]: [srtp] --- {WORDS}\n"
    "[1795404409.005042] ERR: [7b7740f29d63cdf8 port 30000]: [srtp] SRTP keys, outgoing:\r\n"
    f"Nov 24 02:00:01 agw rtpengine[1]: ERR: [7b77 port 30000]: [srtp] --- {WORDS.replace('AAEC', 'AQIC')}\r\n"
    "[1795404409.005050] INFO: something else --- not of interest\n"
).encode()


def test_keys_with_their_lines() -> None:
    assert looks_like(LOG)
    first, second = parse(LOG)
    assert first == LoggedKey("AES_CM_128_HMAC_SHA1_80", Secret(KEY), Secret(SALT), True, 2)
    assert isinstance(second, LoggedKey) and (second.incoming, second.line) == (False, 4)
    assert "AAEC" not in repr(first) and KEY.hex() not in repr(first)


def test_equal_keys_are_one() -> None:
    assert len(list(parse(LOG * 3))) == 2


def test_a_broken_line_is_named_without_its_key() -> None:
    (cut,) = [p for p in parse(LOG.replace(b" salt ", b" sal", 1)) if isinstance(p, LogProblem)]
    assert cut == LogProblem(2, "expected '--- SUITE key BASE64 salt BASE64'")
    (wrong,) = [p for p in parse(LOG.replace(b"key AAEC", b"key AA!C")) if isinstance(p, LogProblem)]
    assert wrong == LogProblem(2, "AES_CM_128_HMAC_SHA1_80: key or salt is not base64")
