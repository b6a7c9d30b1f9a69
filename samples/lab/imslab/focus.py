"""A scripted conference server: answers with isfocus, one audio tone per leg, a chat room, a floor.

Run as `python -m imslab.focus CONFIG.json` inside its namespace.
"""

import json
import re
import secrets
import socket
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

from imslab import bfcp, media, msrp, sdp
from imslab.plan import family, host
from imslab.sip import Dialog, Message, Transport, respond, routes, target

CHAT_PORT, FLOOR_PORT, CONFERENCE = 2855, 5072, 4711


class Floor:
    """One floor with a queue, granted, denied or revoked as the scenario says."""

    def __init__(self, policy: str) -> None:
        self._policy, self._lock = policy, threading.Lock()
        self._holder: int | None = None
        self._queue: list[tuple[int, int, bfcp.Link]] = []
        self._next = 0
        self.events: list[dict[str, Any]] = []

    def _tell(self, link: bfcp.Link, user: int, transaction: int, number: int, state: int, queue: int = 0) -> None:
        body = bfcp.request_status(number, 1, state, queue)
        link.send(bfcp.STATUS, CONFERENCE, user, body, answers=transaction)
        self.events.append({"user": user, "state": bfcp.STATES[state], "queue": queue})

    def request(self, link: bfcp.Link, user: int, transaction: int) -> None:
        """FloorRequest."""
        with self._lock:
            self._next += 1
            number = self._next
            if self._policy == "deny":
                self._tell(link, user, transaction, number, bfcp.DENIED)
            elif self._holder is not None:
                self._queue.append((user, number, link))
                self._tell(link, user, transaction, number, bfcp.PENDING, len(self._queue))
            else:
                self._holder = number
                self._tell(link, user, transaction, number, bfcp.PENDING)
                self._tell(link, user, 0, number, bfcp.GRANTED)
                if self._policy == "revoke":
                    threading.Timer(0.8, self._revoke, (link, user, number)).start()

    def _revoke(self, link: bfcp.Link, user: int, number: int) -> None:
        with self._lock:
            if self._holder == number:
                self._tell(link, user, 0, number, bfcp.REVOKED)
                self._pass_on()

    def _pass_on(self) -> None:
        self._holder = None
        if self._queue:
            user, number, link = self._queue.pop(0)
            self._holder = number
            self._tell(link, user, 0, number, bfcp.GRANTED)

    def release(self, link: bfcp.Link, user: int, transaction: int, number: int) -> None:
        """FloorRelease."""
        with self._lock:
            self._tell(link, user, transaction, number, bfcp.RELEASED)
            if self._holder == number:
                self._pass_on()


class Focus:
    """The server and its record of what happened."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config, self.address = config, config["address"]
        sock = socket.socket(family(self.address), socket.SOCK_DGRAM)
        sock.bind((self.address, 5060))
        self.sip = Transport(sock, datagrams=True)
        self.floor = Floor(config.get("floor_policy", "grant"))
        self.truth: dict[str, Any] = {"invites": [], "streams": [], "messages": 0}
        wrong = config.get("wrong_fingerprint")
        self.proof = media.wrong_fingerprint() if wrong else media.fingerprint(config["certificate"])
        self._room = threading.Lock()  # each member is served by a thread of its own
        self._rooms: dict[str, msrp.Chat] = {}
        self._dialogs: dict[str, str] = {}
        self._sounds: dict[str, media.Sound] = {}
        self._numbers: dict[str, int] = {}
        self._legs = 0

    def contact(self, port: int) -> str:
        """The focus's Contact."""
        return f"Contact: <sip:conf@{host(self.address)}:{port}>;isfocus"

    def serve(self, port: int, secure: bool, work: Any) -> None:
        """Takes connections for chat or floor."""
        listener = socket.socket(family(self.address))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.address, port))
        listener.listen(8)

        def take(raw: socket.socket) -> None:
            files = self.config["certificate"], self.config["keylog"]
            work(media.tls(raw, *files, server=True, ciphers=self.config.get("ciphers", "")) if secure else raw)

        def accept() -> None:
            while True:
                raw, _ = listener.accept()
                media.background(partial(take, raw))

        media.background(accept)

    def chat(self, sock: Any) -> None:
        """One member of the room: what one says, the others hear."""
        room = msrp.Chat(sock, "", "")

        def heard(chat: msrp.Chat, frame: bytes) -> None:
            body = re.search(rb"\r\n\r\n(.*)\r\n-------", frame, re.DOTALL)
            kind = re.search(rb"Content-Type: ([^\r]*)", frame)
            with self._room:
                self._rooms[chat.own] = chat
                if body and kind:
                    for other in (each for own, each in self._rooms.items() if own != chat.own):
                        other.say(body[1].decode(), kind[1].decode())
                        self.truth["messages"] += 1

        room.listen(time.monotonic() + self.config["seconds"], heard)

    def control(self, sock: Any) -> None:
        """One client of the floor; over UDP all of them."""
        way = bfcp.Link(sock)
        links: dict[tuple[str, int] | None, bfcp.Link] = {}
        end = time.monotonic() + self.config["seconds"]
        while time.monotonic() < end:
            message = way.receive(0.5)
            if message is None:
                continue
            link = links.setdefault(message.sender, way.to(message.sender))
            if message.primitive == bfcp.HELLO:
                both = bfcp.attribute(11, bytes((1, 2, 4, 11, 12, 13))) + bfcp.attribute(10, bytes((2, 3, 5)))
                link.send(bfcp.HELLO_ACK, CONFERENCE, message.user, both, answers=message.transaction)
            elif message.primitive == bfcp.GOODBYE:
                link.send(bfcp.GOODBYE_ACK, CONFERENCE, message.user, answers=message.transaction)
            elif message.primitive == bfcp.REQUEST:
                self.floor.request(link, message.user, message.transaction)
            elif message.primitive == bfcp.RELEASE:
                self.floor.release(link, message.user, message.transaction, message.request)

    def describe(self, offered: dict[str, sdp.Medium], leg: int) -> sdp.Offer:
        """The answer to an offer: each medium as it was offered, on the ports of the leg."""
        audio, message, floor = (offered.get(name) for name in ("audio", "message", "application"))
        kind = "none" if audio is None else audio.audio
        suite = audio.suite if audio and kind == "sdes" else "AES_CM_128_HMAC_SHA1_80"

        parameters = " UNENCRYPTED_SRTP" if audio and "UNENCRYPTED_SRTP" in audio.attribute("crypto") else ""

        def security(medium: sdp.Medium | None) -> str:
            if medium is None:
                return "none"
            return "tls" if "TLS" in medium.proto else "udp" if "UDP" in medium.proto else "tcp"

        lines = ("a=floorctrl:s-only", f"a=confid:{CONFERENCE}", f"a=userid:{leg}", "a=floorid:1 mstrm:10")
        return sdp.Offer(
            self.address, kind, 41000 + 2 * leg, suite, sdp.new_key(suite), parameters, security(message),
            CHAT_PORT, secrets.token_hex(10), security(floor), FLOOR_PORT, lines, "passive", "active", self.proof,
        )  # fmt: skip

    def sound(self, call: str, own: sdp.Offer, peer: sdp.Medium, seconds: float) -> None:
        """The tone of one leg."""
        secure = own.audio == "sdes"
        sound = media.Sound(
            (self.address, own.audio_port), (peer.address, peer.port), seconds,
            (own.suite, own.key) if secure else ("", ""), (peer.suite, peer.key) if secure else ("", ""),
            700 + 10 * (own.audio_port % 100), unencrypted="UNENCRYPTED_SRTP" in peer.attribute("crypto"),
            dtls=media.role(own.audio_setup, peer), certificate=self.config["certificate"],
            keylog=self.config["keylog"],
        )  # fmt: skip
        self._sounds[call] = sound
        sound.run()
        self.truth["streams"].append(sound.told())

    def invited(self, invite: Message, peer: tuple[str, int]) -> None:
        """INVITE: the policy decides, then everything offered is answered."""
        call = invite.get("Call-ID")
        asserted = invite.get("P-Asserted-Identity")
        again = call in self._dialogs
        tag = self._dialogs.setdefault(call, secrets.token_hex(4))
        if not again:
            self.truth["invites"].append(
                {"asserted": asserted, "privacy": invite.get("Privacy"), "from": invite.get("From")}
            )
        if self.config.get("reject_anonymous") and (not asserted or "id" in invite.get("Privacy")):
            self.sip.send(respond(invite, "403 Forbidden", tag), peer)
            return
        offered = sdp.read(invite.body)
        if call not in self._numbers:
            self._legs += 1
        own = self.describe(offered, self._numbers.setdefault(call, self._legs))
        extra = (
            self.contact(5060),
            "P-Asserted-Identity: <sip:conf@ims.example>",
        )
        self.sip.send(respond(invite, "200 OK", tag, own.text(), extra), peer)
        audio = offered.get("audio")
        if again and call in self._sounds and own.audio == "rtp":
            self._sounds[call].clear = True
        elif audio and audio.port and not again:
            media.background(lambda: self.sound(call, own, audio, self.config["talk"]))

    def dial(self, out: dict[str, Any]) -> None:
        """Invites somebody into the conference (dial-out)."""
        time.sleep(out.get("after", 0))
        sock = socket.socket(family(self.address), socket.SOCK_DGRAM)
        sock.bind((self.address, 5062))
        sip = Transport(sock, datagrams=True, peer=(self.config["proxy"], 5060))
        dialog = Dialog("conf", "udp", (self.address, 5062), f"<sip:{out['to']}@ims.example>")
        self._legs += 1
        own = sdp.Offer(
            self.address, out.get("audio", "rtp"), 41000 + 2 * self._legs, key=sdp.new_key("AES_CM_128_HMAC_SHA1_80")
        )
        extra = (
            "P-Asserted-Identity: <sip:conf@ims.example>",
            self.contact(5062),
        )
        invite = dialog.request("INVITE", f"sip:{out['to']}@ims.example", own.text(), extra)
        head, _, rest = invite.partition("\r\nContact: ")
        sip.send(head + rest.partition("\r\n")[1] + rest.partition("\r\n")[2])
        answer = None
        while answer is None or answer.status < 200:
            answer = sip.receive(6)
            assert answer is not None, "nobody answers"
        told = {"to": out["to"], "status": answer.status, "asserted": answer.get("P-Asserted-Identity")}
        self.truth.setdefault("dialled", []).append(told | {"privacy": answer.get("Privacy")})
        dialog.to = answer.get("To")
        way, uri = routes(answer, reverse=True), target(answer)
        sip.send(dialog.request("ACK", uri, extra=way))
        audio = sdp.read(answer.body).get("audio")
        if audio and audio.port:
            self.sound(dialog.call_id, own, audio, out["seconds"])
        last = sip.receive(out.get("stays", 0.3))
        if last is not None and not last.status and last.method == "BYE":
            sip.send(respond(last, "200 OK", dialog.tag))
            return
        sip.send(dialog.request("BYE", uri, extra=way))
        sip.receive(3)

    def run(self) -> None:
        """Serves until its time is up."""
        if self.config.get("message"):
            self.serve(CHAT_PORT, self.config["message"] == "tls", self.chat)
        if self.config.get("floor") == "udp":
            sock = socket.socket(family(self.address), socket.SOCK_DGRAM)
            sock.bind((self.address, FLOOR_PORT))
            media.background(partial(self.control, sock))
        elif self.config.get("floor"):
            self.serve(FLOOR_PORT, self.config["floor"] == "tls", self.control)
        for out in self.config.get("dial", ()):
            media.background(partial(self.dial, out))
        Path(self.config["ready"]).touch()
        end = time.monotonic() + self.config["seconds"]
        while time.monotonic() < end and not Path(self.config["stop"]).exists():
            message = self.sip.receive(0.3)
            if message is None or message.status or message.method == "ACK":
                continue
            peer = self.sip.sender
            assert peer is not None
            if message.method == "INVITE":
                self.invited(message, peer)
            else:
                self.sip.send(respond(message, "200 OK", self._dialogs.get(message.get("Call-ID"), "x")), peer)
        self.truth["floor"] = self.floor.events
        Path(self.config["truth"]).write_text(json.dumps(self.truth))


if __name__ == "__main__":
    Focus(json.loads(Path(sys.argv[1]).read_text())).run()
