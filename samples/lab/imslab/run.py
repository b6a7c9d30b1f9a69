"""One scenario, from namespaces to a capture with its keys and its truth."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from threading import Event
from typing import Any

from imslab import certificates, esp, gtp, guest, media, rewrite, seen, truth
from imslab.network import Network
from imslab.plan import host
from imslab.processes import Processes
from imslab.scenario import Scenario

COMPONENTS = Path(__file__).parents[1] / "components"
MODULES = "/usr/lib/x86_64-linux-gnu/kamailio/modules/"
PROGRAMS = ("kamailio", "rtpengine", "socat", "dumpcap", "mergecap", "tshark", "ip", "ethtool")


class LabError(Exception):
    """A scenario did not run as written."""


def missing_programs(scenarios: "list[Scenario]") -> list[str]:
    """The programs that these scenarios need and that are not here."""
    needed = [*PROGRAMS, *(guest.PROGRAMS if any(one.guest for one in scenarios) else ())]
    return [name for name in needed if shutil.which(name) is None]


class Run:
    """The parts of one run."""

    def __init__(self, scenario: Scenario, folder: Path, number: int, halt: Event, patience: float = 1) -> None:
        self.scenario, self.folder, self.halt, self._patience = scenario, folder, halt, patience
        self.plan = scenario.plan
        self.network = Network(self.plan, number)
        self.processes = Processes(folder / "log")
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, node: str, name: str, *argv: object) -> None:
        """Starts a program in a node."""
        self._children[name] = self.processes.start(name, self.network.command(node, [str(word) for word in argv]))

    def links(self) -> None:
        """What the scenario has instead of plain links."""
        links = self.scenario.links
        if links.esp:
            made = esp.associations(self.plan, links.esp)
            (self.folder / "esp-sa.txt").write_text("".join(f"{one.row}\n" for one in made))
            esp.install(self.network, made)
        if links.gtpu:
            gtp.lay(self.network, self.plan, sys.executable)

    def capture(self) -> None:
        """Captures at every tap."""
        for node, device in self.plan.taps:
            self.start(node, f"dumpcap-{device}", "dumpcap", "-q", "-i", device, "--ifname", f"{node}:{device}", "-f",
                       "not icmp6 and not arp", "-w", self.folder / f"{device}.pcapng")  # fmt: skip
        self.until(
            lambda: all("Capturing on" in self.processes.log(f"dumpcap-{device}") for _, device in self.plan.taps),
            "taps",
        )

    def proxies(self) -> None:
        """Gateways and CSCFs."""
        proxies, plan = self.scenario.proxies, self.plan
        for number in plan.numbers:
            node, access, core = f"p{number}", plan.access(number), plan.core(f"p{number}")
            self.start(node, f"rtpengine{number}", "rtpengine", "--foreground", "--log-stderr", "--log-level=6",
                       "--log-srtp-keys", "--table=-1", f"--interface=access/{access}", f"--interface=core/{core}",
                       "--listen-ng=127.0.0.1:2223", "--port-min=30000", "--port-max=30199", "--num-threads=2",
                       f"--pidfile={self.folder}/rtpengine{number}.pid")  # fmt: skip
            if proxies.edge_tls:
                for outer, inner in ((12855, 2855), (15070, 5072)):
                    listen = (
                        f"OPENSSL-LISTEN:{outer},bind={host(access)},pf=ip{6 if plan.ipv6 else 4},reuseaddr,fork,"
                        f"verify=0,cert={self.certificate(node)}"
                    )
                    onward = f"TCP:{host(plan.core('mrf'))}:{inner},bind={host(core)}"
                    self.start(node, f"gateway{number}-{inner}", "socat", listen, onward)
            self.kamailio(node, f"pcscf{number}", self.render("pcscf.cfg", f"pcscf{number}.cfg", node))
        if plan.relay:
            self.kamailio("relay", "relay", self.render("relay.cfg", "relay.cfg", "relay"))
        self.kamailio("core", "scscf", self.render("scscf.cfg", "scscf.cfg", "core"))
        for number in plan.numbers:
            place = f"{host(plan.access(number))}:5061"
            self.until(lambda n=number, place=place: place in self.listening(f"p{n}"), f"pcscf{number}")
        if plan.relay:
            self.until(lambda: f"{host(plan.core('relay'))}:2855" in self.listening("relay"), "relay")
        self.until(lambda: f"{host(plan.core('core'))}:5060" in self.listening("core"), "scscf")

    def kamailio(self, node: str, name: str, config: Path) -> None:
        """One kamailio."""
        asked = {"WEBSOCKET": self.scenario.proxies.websocket, "SIGN": self.scenario.proxies.sign}
        defines = [word for define, on in asked.items() if on for word in ("-A", define)]
        self.start(node, name, "kamailio", "-DD", "-E", "-m", "64", "-M", "8", *defines, "-f", config,
                   "-P", config.with_suffix(".pid"))  # fmt: skip

    def certificate(self, name: str) -> Path:
        """Certificate and key of a node in one file."""
        return self.folder / "certs" / f"{name}-full.pem"

    def render(self, template: str, name: str, node: str) -> Path:
        """A component's configuration for this run."""
        tls = self.folder / f"tls-{node}.cfg"
        text = (COMPONENTS / template).read_text().replace("@TLS@", str(tls))
        if node.startswith("p"):
            text = _filled(text, self.scenario, int(node[1:]), self.folder)
        if node != "core":
            certificate = self.folder / "certs" / node
            ciphers = self.scenario.proxies.ciphers
            words = {
                "KEY": f"{certificate}.key", "CERTIFICATE": f"{certificate}.pem",
                "METHOD": "TLSv1.2" if ciphers else "TLSv1.2+",
                "CIPHERS": f"cipher_list = {ciphers}:@SECLEVEL=0" if ciphers else "",
            }  # fmt: skip
            tls.write_text(_put((COMPONENTS / "tls.cfg").read_text(), words))
        text = _put(text, {
            "MODULES": MODULES, "RETARGET": int(self.scenario.proxies.retarget), "MRF": host(self.plan.core("mrf")),
            "RELAY": host(self.plan.core("relay")),
            "SCSCF": host(self.plan.core("core")), "CORE_NET": "fd00::" if self.plan.ipv6 else "10[.]0[.]0[.]",
            "SIGNER_KEY": self.folder / "certs" / "signer.key",
        })  # fmt: skip
        path = self.folder / name
        path.write_text(text)
        return path

    def listening(self, node: str) -> str:
        """The sockets that a node listens on."""
        argv = self.network.command(node, ["ss", "-lntuH"])
        return subprocess.run(argv, capture_output=True, text=True, check=False).stdout

    def until(self, ready: Any, what: str, seconds: float = 15) -> None:
        """Waits until something is there."""
        end = time.monotonic() + seconds * self._patience
        while not ready():
            if self.halt.is_set():
                raise LabError("broken off")
            if time.monotonic() > end:
                raise LabError(f"{what}: not there in time")
            time.sleep(0.05)

    def end_point(self, node: str, module: str, config: dict[str, Any]) -> None:
        """Starts a scripted end."""
        files = {
            "ca": self.folder / "certs" / "ca.pem",
            "certificates": self.folder / "certs",
            "certificate": self.certificate(node),
            "keylog": self.folder / f"{node}.keylog",
            "truth": self.folder / f"{node}.json",
            "ready": self.folder / f"{node}.ready",
            "stop": self.folder / "stop",
        }
        path = self.folder / f"{node}.config.json"
        path.write_text(json.dumps(config | {name: str(file) for name, file in files.items()}))
        self.start(node, node, sys.executable, "-m", module, path)
        child = self._children[node]
        self.until(lambda: (self.folder / f"{node}.ready").exists() or child.poll() is not None, node)
        if child.returncode:
            raise LabError(f"{node} failed: {self.processes.log(node).strip().splitlines()[-1:]}")

    def ends(self) -> None:
        """The conference server, then the phones; those that answer before those that call."""
        phones = self.scenario.phones
        if self.scenario.focus is not None:
            places = {"address": self.plan.core("mrf"), "proxy": self.plan.core("core")}
            self.end_point("mrf", "imslab.focus", {"seconds": 40, "talk": 3, **places, **self.scenario.focus})
        for name in sorted(phones, key=lambda name: "answer" not in phones[name]):
            number = int(name[-1])
            places = {
                "address": self.plan.phone(number),
                "proxy": self.plan.access(number),
                "relay": self.plan.core("relay"),
            }
            self.end_point(name, "imslab.ue", {"number": number, "user": name, "sip": "tls", **places, **phones[name]})
        for name in phones:
            self.ended(name, 60)
        (self.folder / "stop").touch()
        if self.scenario.focus is not None:
            self.ended("mrf", 10)

    def ended(self, name: str, seconds: float) -> None:
        """Waits until a scripted end has done what it had to do."""
        self.until(lambda: self._children[name].poll() is not None, f"the end of {name}", seconds)
        if self._children[name].returncode:
            raise LabError(f"{name} failed: {self.processes.log(name).strip().splitlines()[-1:]}")

    def go(self) -> None:
        """Runs it all; afterwards nothing of it is left but files."""
        certificates.make(self.folder / "certs")
        with self.network, self.processes:
            self.links()
            self.capture()
            self.proxies()
            self.ends()
            time.sleep(0.4)
            self.processes.stop([child for name, child in self._children.items() if not name.startswith("dumpcap")])
            time.sleep(0.3)


def _in_guest(scenario: Scenario, folder: Path, halt: Event) -> None:
    """Runs it in a kernel of its own."""
    said = guest.outcome(folder)
    with Processes(folder / "log") as processes:
        child = processes.start("uml", guest.boot(scenario.name, folder))
        end = time.monotonic() + guest.SECONDS
        while child.poll() is None and time.monotonic() < end and not halt.is_set():
            time.sleep(0.2)
    if not said.exists():
        raise LabError("broken off" if halt.is_set() else "the guest has not come to an end")
    if told := said.read_text():
        raise LabError(f"in the guest: {told.strip().splitlines()[-1]}")


def _filled(text: str, scenario: Scenario, number: int, folder: Path) -> str:
    proxies, plan = scenario.proxies, scenario.plan
    access, core = plan.access(number), plan.core(f"p{number}")
    words = {
        "N": number, "CORE": host(core), "CORE_IP": core, "ACCESS": host(access), "ACCESS_IP": access,
        "PHONE": host(plan.phone(number)), "FAMILY": "IP6" if plan.ipv6 else "IP4", "MODE": proxies.mode,
        "TOWARDS_UE": proxies.access,
        "LEAK_VERIFY": int(proxies.leak_verify), "ASSERT": int(proxies.asserts), "TRUST_UE": int(proxies.trust_ue),
        "MARKER": int(proxies.marker), "EDGE_TLS": int(proxies.edge_tls), "BARE_LF": int(proxies.bare_lf),
        "SECURITY_SERVER": proxies.security_server,
        "FINGERPRINT": media.fingerprint(str(folder / "certs" / f"p{number}-full.pem")),
    }  # fmt: skip
    return _put(text, words)


def _put(text: str, words: "dict[str, Any]") -> str:
    """A template with its @WORDS@ filled in."""
    for word, value in words.items():
        text = text.replace(f"@{word}@", str(value))
    return text


def run(scenario: Scenario, out: Path, halt: Event, number: int = 0) -> Path:
    """Runs a scenario; gives the capture. Keys and truth stand beside it. `halt`, once set, breaks it off."""
    folder = out / "work" / scenario.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for stale in out.glob(f"{scenario.name}.*"):
        stale.unlink()
    if scenario.guest:
        _in_guest(scenario, folder, halt)
    else:
        Run(scenario, folder, number, halt).go()
    merged = folder / "merged.pcapng"
    parts = [folder / f"{device}.pcapng" for _, device in scenario.plan.taps]
    subprocess.run(["mergecap", "-F", "pcapng", "-w", merged, *parts], check=True, capture_output=True)
    capture = out / f"{scenario.name}.pcapng"
    keys = b"".join(path.read_bytes() for path in sorted(folder.glob("*.keylog")))
    log = out / f"{scenario.name}.tls-keylog.txt"
    if keys:
        log.write_bytes(keys)
    found = seen.protocols(merged, log)
    missing = seen.absent(found, scenario.hops or truth.hops(scenario), scenario.plan)
    missing += [f"no {name}" for name in seen.lacking(merged, log, found, scenario.protocols)]
    if missing:
        raise LabError(f"not in the capture: {', '.join(missing)}")
    data = merged.read_bytes()
    capture.write_bytes(rewrite.apply(data, scenario.faults) if scenario.faults else data)
    table = folder / "esp-sa.txt"
    if table.exists():
        shutil.copy(table, out / f"{scenario.name}.esp-sa.txt")
    if scenario.signs:
        names = ("signer", "lapsed", "ca")
        trusted = "".join((folder / "certs" / f"{name}.pem").read_text() for name in names)
        (out / f"{scenario.name}.trust.pem").write_text(trusted)
    truth.write(scenario, folder, out / f"{scenario.name}.truth.yaml")
    return capture
