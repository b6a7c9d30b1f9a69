"""Lists of recipients as RFC 5366 and RFC 5364 write them."""

from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.formats.resource_list import Recipient, ResourceList, parse

CITES = (Cite(0, 1, 0, 100, 0),)
LIST = b"""<?xml version="1.0" encoding="UTF-8"?>
<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists" xmlns:cp="urn:ietf:params:xml:ns:copycontrol">
<list><entry uri="sip:bill@example.com" cp:copyControl="to"/>
<entry uri="sip:randy@example.net" cp:copyControl="to" cp:anonymize="true"/>
<entry uri="sip:joe@example.org" cp:copyControl="cc"><display-name>Joe</display-name></entry>
<entry-ref ref="resource-lists/users/x"/></list></resource-lists>"""


def read(data: bytes, limits: Limits | None = None) -> ResourceList:
    found = parse(data, CITES, limits or Limits())
    assert isinstance(found, ResourceList)
    return found


def test_recipients_with_copy_control() -> None:
    """The list of RFC 5366 7, with the attributes of RFC 5364 4."""
    found = read(LIST)
    assert found.recipients == (
        Recipient("sip:bill@example.com", "", "to", False),
        Recipient("sip:randy@example.net", "", "to", True),
        Recipient("sip:joe@example.org", "Joe", "cc", False),
    )
    assert (found.references, found.cites, found.anomalies) == (1, CITES, ())


def test_nested_lists_are_read_within_bounds() -> None:
    """RFC 4826 3.1: a list may hold lists."""
    nested = b"<resource-lists>" + b"<list>" * 3 + b"<entry uri='sip:a@b'/>" + b"</list>" * 3 + b"</resource-lists>"
    assert [each.uri for each in read(nested).recipients] == ["sip:a@b"]
    cut = read(nested, Limits(nesting=2))
    assert (cut.recipients, [a.kind.code for a in cut.anomalies]) == ((), ["resource_list.limit"])
    many = b"<resource-lists><list>" + b"<entry uri='sip:a@b'/>" * 9 + b"</list></resource-lists>"
    assert len(read(many, Limits(roster_entries=4)).recipients) == 4


def test_what_is_no_list_is_named() -> None:
    refused = parse(b"<list/>", CITES, Limits())
    assert isinstance(refused, Anomaly)
    assert refused.kind.code == "resource_list.shape"
    assert [a.kind.code for a in read(b"<resource-lists><list><entry/></list></resource-lists>").anomalies] == [
        "resource_list.entry"
    ]
