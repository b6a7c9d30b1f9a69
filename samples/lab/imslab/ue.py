"""A scripted phone: registers, calls or answers, sends media, hangs up; what it did is written down as truth.

Run as `python -m imslab.ue CONFIG.json` inside its namespace.
"""

import json
import secrets
import socket
import sys
import time
from pathlib import Path
from typing import Any

from imslab import bfcp, media, msrp, sdp, stir
from imslab.plan import family, host
from imslab.sip import Dialog, Message, Transport, authorization, connect, respond, routes, target, uri_transport


class Phone:
    """One UE and its record of what happened."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.user, self.address = config["user"], config["address"]
        place = (self.address, 5070)
        files = config["ca"], config["keylog"]
        self.sip: Transport = connect(config["sip"], place, config["proxy"], *files, config.get("sip_ciphers", ""))
        self.verify: tuple[str, ...] = ()
        self.keys: dict[str, str] = {}  # SDES keys that the scenario uses again, by its names for them
        self.relay: Any = None  # the connection to the MSRP relay
        self.sounding: media.Sound | None = None
        self.truth: dict[str, Any] = {"user": self.user, "streams": [], "messages": 0, "floor": [], "calls": []}

    def dialog(self, to: str) -> Dialog:
        """A new dialog of this phone."""
        return Dialog(self.user, self.config["sip"], self.sip.local, to)

    def final(self, seconds: float = 6) -> Message:
        """The next final response."""
        while True:
            message = self.sip.receive(seconds)
            assert message is not None, "no answer"
            if message.status >= 200:
                return message

    def register(self) -> None:
        """REGISTER with digest, and the security agreement that the scenario asks for."""
        asked = self.config.get("mediasec")
        listed = ", ".join(f"{name};mediasec" for name in asked or ())
        extra: tuple[str, ...] = ("Expires: 600", "Supported: path")
        if asked:
            extra += (f"Security-Client: {listed}", "Require: mediasec", "Proxy-Require: mediasec")
        dialog = self.dialog(f"<sip:{self.user}@ims.example>")
        self.sip.send(dialog.request("REGISTER", "sip:ims.example", extra=extra))
        challenge = self.final()
        if challenge.status == 401:
            offered = challenge.get("Security-Server")
            echoed = self.config.get("verify", "echo")
            if asked and offered and echoed == "echo":
                self.verify = (f"Security-Verify: {offered}",)
            elif asked and echoed not in ("echo", "none"):
                self.verify = (f"Security-Verify: {echoed}",)
            answer = authorization(challenge, self.user, f"{self.user}pw", "sip:ims.example")
            self.sip.send(dialog.request("REGISTER", "sip:ims.example", extra=(*extra, answer, *self.verify)))
            challenge = self.final()
        assert challenge.status == 200, challenge.first

    def offer(self, call: dict[str, Any]) -> sdp.Offer:
        """What this phone describes in a call."""
        number = self.config["number"]
        suite = call.get("suite", "AES_CM_128_HMAC_SHA1_80")
        key = self.keys.setdefault(call["key"], sdp.new_key(suite)) if "key" in call else sdp.new_key(suite)
        proof = media.fingerprint(self.config["certificate"])
        offer = sdp.Offer(
            self.address, call.get("audio", "none"), call.get("port", 40000 + 2 * number), suite, key,
            message=call.get("message", "none"), message_port=40100 + number, session=secrets.token_hex(10),
            floor=call.get("floor", "none"), floor_port=40200 + number if call.get("floor") == "udp" else 9,
             floor_lines=("a=floorctrl:c-only",),
            crypto_parameters=" UNENCRYPTED_SRTP" if call.get("unencrypted") else "",
            fingerprint=proof, marker=bool(call.get("marker")),
        )  # fmt: skip
        if call.get("relay"):
            place = (self.config["relay"], 2855)
            relay = f"msrps://{host(place[0])}:{place[1]};tcp"
            raw = socket.create_connection(place, 4)
            self.relay = media.tls(raw, self.config["certificate"], self.config["keylog"], server=False)
            offer.relay = msrp.authorize(self.relay, relay, offer.own_uri, self.user, "uepw")
        return offer

    def call(self, call: dict[str, Any]) -> None:
        """One call from INVITE to BYE."""
        to = f"<sip:{call['to']}@ims.example>"
        dialog, offer = self.dialog(to), self.offer(call)
        extra: tuple[str, ...] = (
            f"P-Preferred-Identity: <sip:{self.user}@ims.example>",
            "Allow: INVITE,ACK,BYE,CANCEL,UPDATE",
        )
        if call.get("anonymous"):
            extra = ("Privacy: id",)
            dialog.from_display = '"Anonymous" <sip:anonymous@anonymous.invalid>'
        if "padding" in call:
            extra += (f"Subject: {'long ' * (call['padding'] // 5)}call",)
        if "identity" in call:
            caller, called = (f"sip:{user}@ims.example" for user in (self.user, call["to"]))
            extra += (stir.identity(caller, called, call["identity"], Path(self.config["certificates"])),)
        extra += tuple(call.get("headers", ())) + self.verify[:1]
        self.sip.send(dialog.request("INVITE", f"sip:{call['to']}@ims.example", offer.text(), extra))
        answer = self.final()
        record = {"to": call["to"], "status": answer.status, "asserted": answer.get("P-Asserted-Identity")}
        self.truth["calls"].append(record)
        if answer.status >= 300:
            self.sip.send(dialog.request("ACK", f"sip:{call['to']}@ims.example"))
            return
        dialog.to = answer.get("To")
        way, uri = routes(answer, reverse=True), target(answer)
        self.sip.send(dialog.request("ACK", uri, extra=way))
        threads = self.talk(call, offer, sdp.read(answer.body))
        if call.get("then"):
            time.sleep(call["seconds"] / 2)
            self.renegotiate(dialog, uri, way, offer, call["then"])
        self.idle(call["seconds"] + 0.4)
        for thread in threads:
            thread.join(3)
        self.sip.send(dialog.request("BYE", uri, extra=way))
        assert self.final(4).status == 200

    def renegotiate(
        self, dialog: Dialog, uri: str, way: tuple[str, ...], offer: sdp.Offer, then: dict[str, Any]
    ) -> None:
        """A re-INVITE with other security."""
        offer.version += 1
        for name, value in then.items():
            setattr(offer, name, value)
        self.sip.send(dialog.request("INVITE", uri, offer.text(), way))
        answer = self.final()
        self.truth["calls"].append({"to": "re-INVITE", "status": answer.status, "asserted": ""})
        self.sip.send(dialog.request("ACK", uri, extra=way))
        if self.sounding is not None and offer.audio == "rtp":
            self.sounding.clear = True

    def idle(self, seconds: float) -> None:
        """Reads what comes while media flows."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.sip.receive(max(0.05, end - time.monotonic()))

    def talk(self, call: dict[str, Any], offer: sdp.Offer, answer: dict[str, sdp.Medium]) -> "list[Any]":
        """Starts the media that both sides want."""
        threads = []
        audio = answer.get("audio")
        if audio and audio.port:
            threads.append(media.background(lambda: self.sound(call, offer, audio)))
        chat = answer.get("message")
        if chat and chat.port:
            threads.append(media.background(lambda: self.chat(call, offer, chat)))
        floor = answer.get("application")
        if floor and floor.port:
            threads.append(media.background(lambda: self.floor(call, floor)))
        return threads

    def sound(self, call: dict[str, Any], offer: sdp.Offer, peer: sdp.Medium) -> None:
        """Audio in both directions."""
        secure = peer.audio == "sdes"
        sound = media.Sound(
            (self.address, offer.audio_port), (peer.address, peer.port), call["seconds"],
            (offer.suite, offer.key) if secure else ("", ""), (peer.suite, peer.key) if secure else ("", ""),
            300 + 100 * self.config["number"], call.get("first_sequence"), bool(call.get("unencrypted")),
            media.role(offer.audio_setup, peer), self.config["certificate"], self.config["keylog"],
        )  # fmt: skip
        self.sounding = sound
        sound.run()
        self.truth["streams"].append(sound.told())

    def chat(self, call: dict[str, Any], offer: sdp.Offer, peer: sdp.Medium) -> None:
        """MSRP: three messages and whatever the room says."""
        sock = self.relay or self.stream(peer)
        path = f"{offer.relay} {peer.attribute('path')}" if offer.relay else peer.attribute("path")
        chat = msrp.Chat(sock, offer.own_uri, path)
        head = f"From: <sip:{self.user}@ims.example>\r\nTo: <sip:{call['to']}@ims.example>\r\n\r\n"

        def say() -> None:
            for number in range(3):
                time.sleep(0.4)
                body = f"hello {number} from {self.user}"
                chat.say(f"{head}Content-Type: text/plain\r\n\r\n{body}", "message/cpim")

        speaking = media.background(say)
        chat.listen(time.monotonic() + call["seconds"])
        speaking.join(3)
        self.truth["messages"] += chat.sent

    def stream(self, peer: sdp.Medium) -> socket.socket:
        """A connection to where a medium is served, in TLS where the description says so."""
        raw = socket.create_connection((peer.address, peer.port), 4)
        if "TLS" not in peer.proto:
            return raw
        files = self.config["certificate"], self.config["keylog"]
        return media.tls(raw, *files, server=False, ciphers=self.config.get("ciphers", ""))

    def control(self, peer: sdp.Medium) -> bfcp.Link:
        """The way to the floor server."""
        if "UDP" in peer.proto:
            sock = socket.socket(family(self.address), socket.SOCK_DGRAM)
            sock.bind((self.address, 40200 + self.config["number"]))
            return bfcp.Link(sock, (peer.address, peer.port))
        return bfcp.Link(self.stream(peer))

    def floor(self, call: dict[str, Any], peer: sdp.Medium) -> None:
        """BFCP: asks for the floor, waits, releases it."""
        link, conference, user = self.control(peer), int(peer.attribute("confid")), int(peer.attribute("userid"))
        end = time.monotonic() + call["seconds"]
        link.send(bfcp.HELLO, conference, user, asks=1)
        asked = released = False
        number = 0
        while time.monotonic() < end:
            message = link.receive(min(end - time.monotonic(), 0.3))
            if message is not None and message.primitive == bfcp.STATUS:
                number = message.request
                self.truth["floor"].append(bfcp.STATES[message.attributes[10]])
            if not asked:
                link.send(bfcp.REQUEST, conference, user, bfcp.attribute(2, b"\0\1"), asks=2)
                asked = True
            elif not released and "granted" in self.truth["floor"] and time.monotonic() > end - call["seconds"] / 2:
                link.send(bfcp.RELEASE, conference, user, bfcp.attribute(3, number.to_bytes(2, "big")), asks=3)
                released = True
        if link.datagrams:
            link.send(bfcp.GOODBYE, conference, user, asks=4)  # RFC 8855 6.2: over UDP nothing else shows the end
            link.receive(0.5)

    def answer(self, script: dict[str, Any]) -> None:
        """Waits for a call and takes it as the script says, until it is hung up."""
        end = time.monotonic() + script["within"]
        while True:
            invite = self.sip.receive(max(0.05, end - time.monotonic()))
            assert invite is not None, "nobody called"
            if not invite.status and invite.method == "INVITE":
                break
        tag, offered = secrets.token_hex(4), sdp.read(invite.body)
        place = f"{host(self.sip.local[0])}:{self.sip.local[1]}"
        contact = (
            f"Contact: <sip:{self.user}@{place};transport={uri_transport(self.config['sip'])}>",
            *script.get("headers", ()),
        )
        call = dict(script)
        call["audio"] = offered["audio"].audio
        offer = self.offer(call)
        offer.audio_setup = "active"
        if call["audio"] == "sdes":
            offer.suite = offered["audio"].suite
            offer.key = sdp.new_key(offer.suite)
        self.sip.send(respond(invite, "180 Ringing", tag, extra=contact))
        self.sip.send(respond(invite, "200 OK", tag, offer.text(), contact))
        self.truth["calls"].append({"to": "incoming", "status": 200, "asserted": invite.get("P-Asserted-Identity")})
        self.talk({**call, "to": "peer"}, offer, offered)
        if script.get("hangs_up"):
            self.idle(script["seconds"] + 0.4)
            dialog = self.dialog(invite.get("From"))
            dialog.call_id, dialog.tag = invite.get("Call-ID"), tag
            self.sip.send(dialog.request("BYE", target(invite), extra=routes(invite, reverse=False)))
            assert self.final(4).status == 200
            return
        end = time.monotonic() + script["within"] + script["seconds"]
        while time.monotonic() < end:
            message = self.sip.receive(0.5)
            if message is not None and not message.status and message.method == "BYE":
                self.sip.send(respond(message, "200 OK", tag))
                break
        time.sleep(0.5)


def main() -> None:
    """Does what the configuration says; a failure is an exit code and a traceback in the log."""
    config = json.loads(Path(sys.argv[1]).read_text())
    phone = Phone(config)
    phone.register()
    Path(config["ready"]).touch()
    for call in config.get("calls", ()):
        time.sleep(call.get("after", 0))
        phone.call(call)
    if "answer" in config:
        phone.answer(config["answer"])
    Path(config["truth"]).write_text(json.dumps(phone.truth))


if __name__ == "__main__":
    main()
