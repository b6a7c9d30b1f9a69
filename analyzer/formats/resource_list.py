"""application/resource-lists+xml: whom a request invites or refers (RFC 4826, RFC 5366, RFC 5368)."""

from analyzer.core.anomalies import Anomaly, define
from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits
from analyzer.core.severity import Severity
from analyzer.core.text import safe
from analyzer.formats import xml
from analyzer.formats.xml import Node

MEDIA_TYPE = "application/resource-lists+xml"
DISPOSITION = "recipient-list"
SHAPE = define("resource_list.shape", Severity.LOW, "No resource-lists document", "RFC 4826 3.2")
LIMIT = define("resource_list.limit", Severity.MEDIUM, "More or deeper entries than are read", "")
URI = define("resource_list.entry", Severity.LOW, "An entry of a list without a URI", "RFC 4826 3.2")


@frozen
class Recipient:
    """One entry. `copy` is to, cc or bcc where it is given, `anonymize` as RFC 5364 has it."""

    uri: str
    display_name: str
    copy: str
    anonymize: bool


@frozen
class ResourceList:
    """The recipients in order. `references` are entries that stand elsewhere (entry-ref, external): not followed."""

    recipients: tuple[Recipient, ...]
    references: int
    cites: tuple[Cite, ...]
    anomalies: tuple[Anomaly, ...]


def parse(data: bytes, cites: tuple[Cite, ...], limits: Limits) -> ResourceList | Anomaly:
    """The list in a body, or why there is none. Total; `nesting` lists deep, `roster_entries` entries."""
    root = xml.parse(data, cites, limits)
    if isinstance(root, Anomaly):
        return root
    if root.name != "resource-lists":
        return Anomaly(SHAPE, cites, safe(root.name, 40))
    recipients: list[Recipient] = []
    found: list[Anomaly] = []
    references = 0
    pending: list[tuple[Node, int]] = [(root, 0)]
    cut = False
    while pending:
        node, depth = pending.pop()
        for entry in node.all("entry"):
            if len(recipients) >= limits.roster_entries:
                cut = True
                break
            recipients.append(_recipient(entry))
        references += sum(1 for name in ("entry-ref", "external") for _ in node.all(name))
        inner = [(each, depth + 1) for each in node.all("list")]
        cut = cut or (bool(inner) and depth >= limits.nesting)
        pending += reversed(inner) if depth < limits.nesting else ()
    if cut:
        found.append(Anomaly(LIMIT, cites))
    if any(not each.uri for each in recipients):
        found.append(Anomaly(URI, cites))
    return ResourceList(tuple(recipients), references, cites, tuple(found))


def _recipient(entry: Node) -> Recipient:
    return Recipient(
        entry.attribute("uri"), entry.value("display-name"), entry.attribute("copyControl").lower(),
        entry.attribute("anonymize") in ("true", "1"),
    )  # fmt: skip
