"""application/conference-info+xml: who is in a conference, by what its focus notifies (RFC 4575)."""

from collections.abc import Iterator
from dataclasses import replace

from analyzer.core.anomalies import Anomaly, define
from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits
from analyzer.core.numbers import decimal
from analyzer.core.severity import Severity
from analyzer.core.text import safe
from analyzer.formats import xml
from analyzer.formats.xml import Node

MEDIA_TYPE = "application/conference-info+xml"
SHAPE = define("conference_info.shape", Severity.LOW, "No conference-info document", "RFC 4575 5.1")
STATE = define("conference_info.state", Severity.LOW, "A state or version that cannot be", "RFC 4575 4.4, 5.1")
LIMIT = define("conference_info.limit", Severity.MEDIUM, "More users or endpoints than are read", "")
GAP = define("conference_info.version_gap", Severity.INFO, "Notifications of a conference are missing", "RFC 4575 4.6")
_STATES = ("full", "partial", "deleted")


@frozen
class EndpointMedia:
    """One medium of an endpoint (5.8). `label` is that of the SDP's a=label, `src_id` its SSRC."""

    id: str
    type: str
    label: str
    src_id: str
    status: str
    state: str = "full"


@frozen
class Endpoint:
    """One device of a user (5.7): `status` connected, on-hold, ...; `joining` dialed-in, dialed-out, focus-owner.

    `call_id`, `from_tag` and `to_tag` name its dialog with the focus where the document does.
    """

    entity: str
    state: str
    display_text: str
    status: str
    joining: str
    disconnection: str
    referred_by: str
    media: tuple[EndpointMedia, ...]
    call_id: str
    from_tag: str
    to_tag: str


@frozen
class User:
    """One participant (5.6)."""

    entity: str
    state: str
    display_text: str
    associated: tuple[str, ...]
    roles: tuple[str, ...]
    cascaded_focus: str
    endpoints: tuple[Endpoint, ...]


@frozen
class ConferenceInfo:
    """One document, or what several make together. Texts are the sender's; None and "": not given.

    `entity` is the conference URI, `state` full, partial or deleted.
    """

    entity: str
    state: str
    version: int | None
    subject: str
    display_text: str
    uris: tuple[str, ...]
    user_count: int | None
    active: bool | None
    locked: bool | None
    users: tuple[User, ...]
    users_state: str
    cites: tuple[Cite, ...]
    anomalies: tuple[Anomaly, ...]

    def user(self, entity: str) -> User | None:
        """The participant of this URI."""
        return next((user for user in self.users if user.entity == entity), None)


class _Reader:
    """Reads one document; `left` is how many more users and endpoints are read."""

    def __init__(self, cites: tuple[Cite, ...], limits: Limits) -> None:
        self.cites = cites
        self.left = limits.roster_entries
        self.found: list[Anomaly] = []
        self._cut = False

    def state(self, node: Node | None) -> str:
        word = node.attribute("state") if node else ""
        if word and word not in _STATES:
            self.found.append(Anomaly(STATE, self.cites, safe(word, 40)))
        return word if word in _STATES else "full"

    def within(self, nodes: Iterator[Node]) -> Iterator[Node]:
        """The nodes, until the bound is reached, which is said once."""
        for node in nodes:
            if self.left <= 0:
                if not self._cut:
                    self.found.append(Anomaly(LIMIT, self.cites))
                self._cut = True
                return
            self.left -= 1
            yield node

    def user(self, node: Node) -> User:
        return User(
            entity=node.attribute("entity"),
            state=self.state(node),
            display_text=node.value("display-text"),
            associated=_entries(node.first("associated-aors"), "uri"),
            roles=tuple(each.text for each in _children(node.first("roles"), "entry")),
            cascaded_focus=node.value("cascaded-focus"),
            endpoints=tuple(map(self.endpoint, self.within(node.all("endpoint")))),
        )

    def endpoint(self, node: Node) -> Endpoint:
        dialog = node.first("call-info")
        dialog = dialog.first("sip") if dialog else None
        return Endpoint(
            entity=node.attribute("entity"),
            state=self.state(node),
            display_text=node.value("display-text"),
            status=node.value("status"),
            joining=node.value("joining-method"),
            disconnection=node.value("disconnection-method"),
            referred_by=node.value("referred", "by"),
            media=tuple(map(self.media, self.within(node.all("media")))),
            call_id=dialog.value("call-id") if dialog else "",
            from_tag=dialog.value("from-tag") if dialog else "",
            to_tag=dialog.value("to-tag") if dialog else "",
        )

    def media(self, node: Node) -> EndpointMedia:
        return EndpointMedia(
            node.attribute("id"), node.value("type"), node.value("label"), node.value("src-id"), node.value("status"),
            self.state(node),
        )  # fmt: skip


def _children(node: Node | None, name: str) -> Iterator[Node]:
    return node.all(name) if node else iter(())


def _entries(node: Node | None, name: str) -> tuple[str, ...]:
    return tuple(uri for entry in _children(node, "entry") if (uri := entry.value(name)))


def parse(data: bytes, cites: tuple[Cite, ...], limits: Limits) -> ConferenceInfo | Anomaly:
    """The document in a NOTIFY's body, or why there is none. Total; at most `roster_entries` users and endpoints."""
    root = xml.parse(data, cites, limits)
    if isinstance(root, Anomaly):
        return root
    if root.name != "conference-info":
        return Anomaly(SHAPE, cites, safe(root.name, 40))
    reader = _Reader(cites, limits)
    state, users = reader.state(root), root.first("users")
    version = root.attribute("version")
    number = decimal(version)
    if version and number is None:
        reader.found.append(Anomaly(STATE, cites, safe(f"version {version}", 40)))
    found = tuple(map(reader.user, reader.within(_children(users, "user"))))
    about = root.first("conference-description")
    count = root.number("conference-state", "user-count")
    return ConferenceInfo(
        entity=root.attribute("entity"),
        state=state,
        version=number,
        subject=root.value("conference-description", "subject"),
        display_text=root.value("conference-description", "display-text"),
        uris=_entries(about.first("conf-uris") if about else None, "uri"),
        user_count=count,
        active=root.boolean("conference-state", "active"),
        locked=root.boolean("conference-state", "locked"),
        users=found,
        users_state=_users_state(reader, state, users, count, len(found)),
        cites=cites,
        anomalies=tuple(reader.found),
    )


def _users_state(reader: _Reader, state: str, users: Node | None, count: int | None, listed: int) -> str:
    """Whether the users are all of them. The schema says so where it is not said; the example of 7.2 counts others."""
    if users is None:
        return "partial"
    if not users.attribute("state") and state == "partial" and (count or 0) > listed:
        return "partial"
    return reader.state(users)


# -- what several documents make together (4.6) --------------------------------------------------------------------


def merge(known: ConferenceInfo | None, news: ConferenceInfo) -> tuple[ConferenceInfo, tuple[Anomaly, ...]]:
    """What a subscriber knows after the next document, and what is missing between the two.

    A full document replaces everything; a partial one adds, changes and deletes by the `state` of its parts; one that
    is not newer than what is known changes nothing.
    """
    if known is None or news.state == "full":
        return news, ()
    if known.version is not None and news.version is not None:
        if news.version <= known.version:
            return known, ()
        missed = news.version - known.version - 1
    else:
        missed = 0
    gap = (Anomaly(GAP, news.cites, f"{missed} documents before version {news.version}"),) if missed else ()
    if news.state == "deleted":
        return replace(news, users=()), gap
    merged = replace(
        known,
        version=news.version if news.version is not None else known.version,
        subject=news.subject or known.subject,
        display_text=news.display_text or known.display_text,
        uris=news.uris or known.uris,
        user_count=news.user_count if news.user_count is not None else known.user_count,
        active=news.active if news.active is not None else known.active,
        locked=news.locked if news.locked is not None else known.locked,
        users=news.users if news.users_state == "full" else _merge_users(known.users, news.users),
        cites=news.cites,
        anomalies=news.anomalies,
    )
    return merged, gap


def _merge_users(known: tuple[User, ...], news: tuple[User, ...]) -> tuple[User, ...]:
    users = {user.entity: user for user in known}
    for user in news:
        before = users.pop(user.entity, None) if user.state == "deleted" else users.get(user.entity)
        if user.state == "deleted":
            continue
        if user.state == "partial" and before is not None:
            user = replace(
                before,
                display_text=user.display_text or before.display_text,
                associated=user.associated or before.associated,
                roles=user.roles or before.roles,
                cascaded_focus=user.cascaded_focus or before.cascaded_focus,
                endpoints=_merge_endpoints(before.endpoints, user.endpoints),
            )
        users[user.entity] = user
    return tuple(users.values())


def _merge_endpoints(known: tuple[Endpoint, ...], news: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
    endpoints = {endpoint.entity: endpoint for endpoint in known}
    for endpoint in news:
        before = endpoints.get(endpoint.entity)
        if endpoint.state == "deleted":
            endpoints.pop(endpoint.entity, None)
        elif endpoint.state == "partial" and before is not None:
            endpoints[endpoint.entity] = replace(
                before,
                display_text=endpoint.display_text or before.display_text,
                status=endpoint.status or before.status,
                joining=endpoint.joining or before.joining,
                disconnection=endpoint.disconnection or before.disconnection,
                media=_merge_media(before.media, endpoint.media),
            )
        else:
            endpoints[endpoint.entity] = endpoint
    return tuple(endpoints.values())


def _merge_media(known: tuple[EndpointMedia, ...], news: tuple[EndpointMedia, ...]) -> tuple[EndpointMedia, ...]:
    media = {each.id: each for each in known} | {each.id: each for each in news}
    return tuple(each for each in media.values() if each.state != "deleted")
