"""One scenario, from namespaces to a capture with its keys and its truth."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from imslab import certificates, media, rewrite, truth
from imslab.network import CORE_ADDRESS, TAPS, Network
from imslab.processes import Processes
from imslab.scenario import Proxies, Scenario

COMPONENTS = Path(__file__).parents[1] / "components"
MODULES = "/usr/lib/x86_64-linux-gnu/kamailio/modules/"
PROGRAMS = ("kamailio", "rtpengine", "socat", "dumpcap", "mergecap", "tshark", "ip", "ethtool")


class LabError(Exception):
    """A scenario did not run as written."""


def missing_programs() -> list[str]:
    """The programs a run needs that are not here."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


class Run:
    """The parts of one run."""

    def __init__(self, scenario: Scenario, folder: Path, number: int) -> None:
        self.scenario, self.folder = scenario, folder
        self.network = Network(number)
        self.processes = Processes(folder / "log")
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, node: str, name: str, *argv: object) -> None:
        """Starts a program in a node."""
        self._children[name] = self.processes.start(name, self.network.command(node, [str(word) for word in argv]))

    def capture(self) -> None:
        """Captures at every tap."""
        for node, device in TAPS:
            self.start(node, f"dumpcap-{device}", "dumpcap", "-q", "-i", device, "--ifname", f"{node}:{device}", "-f",
                       "not icmp6 and not arp", "-w", self.folder / f"{device}.pcapng")  # fmt: skip
        self.until(lambda: all("Capturing on" in self.processes.log(f"dumpcap-{device}") for _, device in TAPS), "taps")

    def proxies(self) -> None:
        """Gateways and CSCFs."""
        proxies = self.scenario.proxies
        for number in (1, 2):
            node, access, core = f"p{number}", f"10.{number}.0.1", CORE_ADDRESS[f"p{number}"]
            self.start(node, f"rtpengine{number}", "rtpengine", "--foreground", "--log-stderr", "--log-level=6",
                       "--log-srtp-keys", "--table=-1", f"--interface=access/{access}", f"--interface=core/{core}",
                       "--listen-ng=127.0.0.1:2223", "--port-min=30000", "--port-max=30199", "--num-threads=2",
                       f"--pidfile={self.folder}/rtpengine{number}.pid")  # fmt: skip
            if proxies.edge_tls:
                for outer, inner in ((12855, 2855), (15070, 5072)):
                    listen = (
                        f"OPENSSL-LISTEN:{outer},bind={access},reuseaddr,fork,verify=0,cert={self.certificate(node)}"
                    )
                    self.start(node, f"gateway{number}-{inner}", "socat", listen, f"TCP:10.0.0.13:{inner},bind={core}")
            self.kamailio(node, f"pcscf{number}", self.render("pcscf.cfg", f"pcscf{number}.cfg", number))
        self.kamailio("core", "scscf", self.render("scscf.cfg", "scscf.cfg", 0))
        for number in (1, 2):
            self.until(lambda n=number: f"10.{n}.0.1:5061" in self.listening(f"p{n}"), f"pcscf{number}")
        self.until(lambda: "10.0.0.1:5060" in self.listening("core"), "scscf")

    def kamailio(self, node: str, name: str, config: Path) -> None:
        """One kamailio."""
        self.start(
            node, name, "kamailio", "-DD", "-E", "-m", "64", "-M", "8", "-f", config, "-P", config.with_suffix(".pid")
        )

    def certificate(self, name: str) -> Path:
        """Certificate and key of a node in one file."""
        return self.folder / "certs" / f"{name}-full.pem"

    def render(self, template: str, name: str, number: int) -> Path:
        """A component's configuration for this run."""
        tls = self.folder / f"tls{number}.cfg"
        text = (COMPONENTS / template).read_text()
        if number:
            text = _filled(text, self.scenario.proxies, number, self.folder, tls)
            certificate = self.folder / "certs" / f"p{number}"
            words = (COMPONENTS / "tls.cfg").read_text()
            tls.write_text(words.replace("@KEY@", f"{certificate}.key").replace("@CERTIFICATE@", f"{certificate}.pem"))
        text = text.replace("@MODULES@", MODULES).replace("@RETARGET@", str(int(self.scenario.proxies.retarget)))
        path = self.folder / name
        path.write_text(text)
        return path

    def listening(self, node: str) -> str:
        """The sockets that a node listens on."""
        argv = self.network.command(node, ["ss", "-lntuH"])
        return subprocess.run(argv, capture_output=True, text=True, check=False).stdout

    def until(self, ready: Any, what: str, seconds: float = 15) -> None:
        """Waits until something is there."""
        end = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > end:
                raise LabError(f"{what}: not ready after {seconds:.0f} s")
            time.sleep(0.05)

    def end_point(self, node: str, module: str, config: dict[str, Any]) -> None:
        """Starts a scripted end."""
        files = {
            "ca": self.folder / "certs" / "ca.pem",
            "certificate": self.certificate(node),
            "keylog": self.folder / f"{node}.keylog",
            "truth": self.folder / f"{node}.json",
            "ready": self.folder / f"{node}.ready",
            "stop": self.folder / "stop",
        }
        path = self.folder / f"{node}.config.json"
        path.write_text(json.dumps(config | {name: str(file) for name, file in files.items()}))
        self.start(node, node, sys.executable, "-m", module, path)
        self.until((self.folder / f"{node}.ready").exists, node)

    def ends(self) -> None:
        """The conference server, then the phones; those that answer before those that call."""
        phones = self.scenario.phones
        if self.scenario.focus is not None:
            self.end_point("mrf", "imslab.focus", {"seconds": 40, "talk": 3, **self.scenario.focus})
        for name in sorted(phones, key=lambda name: "answer" not in phones[name]):
            self.end_point(name, "imslab.ue", {"number": int(name[-1]), "sip": "tls", **phones[name]})
        for name in phones:
            if self._children[name].wait(60):
                raise LabError(f"{name} failed: {self.processes.log(name).strip().splitlines()[-1:]}")
        (self.folder / "stop").touch()
        if self.scenario.focus is not None and self._children["mrf"].wait(10):
            raise LabError(f"mrf failed: {self.processes.log('mrf').strip().splitlines()[-1:]}")

    def go(self) -> None:
        """Runs it all; afterwards nothing of it is left but files."""
        certificates.make(self.folder / "certs")
        with self.network, self.processes:
            self.capture()
            self.proxies()
            self.ends()
            time.sleep(0.4)
            self.processes.stop([child for name, child in self._children.items() if not name.startswith("dumpcap")])
            time.sleep(0.3)


def _filled(text: str, proxies: Proxies, number: int, folder: Path, tls: Path) -> str:
    words = {
        "N": number, "CORE": CORE_ADDRESS[f"p{number}"], "MODE": proxies.mode, "TLS": tls, "ACCESS": proxies.access,
        "LEAK_VERIFY": int(proxies.leak_verify), "ASSERT": int(proxies.asserts), "TRUST_UE": int(proxies.trust_ue),
        "MARKER": int(proxies.marker), "EDGE_TLS": int(proxies.edge_tls), "BARE_LF": int(proxies.bare_lf),
        "SECURITY_SERVER": proxies.security_server,
        "FINGERPRINT": media.fingerprint(str(folder / "certs" / f"p{number}-full.pem")),
    }  # fmt: skip
    for word, value in words.items():
        text = text.replace(f"@{word}@", str(value))
    return text


def run(scenario: Scenario, out: Path, number: int = 0) -> Path:
    """Runs a scenario; gives the capture. Keys and truth stand beside it."""
    folder = out / "work" / scenario.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    made = Run(scenario, folder, number)
    made.go()
    merged = folder / "merged.pcapng"
    parts = [folder / f"{device}.pcapng" for _, device in TAPS]
    subprocess.run(["mergecap", "-F", "pcapng", "-w", merged, *parts], check=True, capture_output=True)
    keys = b"".join(path.read_bytes() for path in sorted(folder.glob("*.keylog")))
    capture = out / f"{scenario.name}.pcapng"
    data = merged.read_bytes()
    capture.write_bytes(rewrite.apply(data, scenario.faults) if scenario.faults else data)
    log = out / f"{scenario.name}.tls-keylog.txt"
    log.unlink(missing_ok=True)
    if keys:
        log.write_bytes(keys)
    _check(scenario, capture, log)
    truth.write(scenario, folder, out / f"{scenario.name}.truth.yaml")
    return capture


def _check(scenario: Scenario, capture: Path, log: Path) -> None:
    """Every protocol that the scenario names is in the capture."""
    keys = ["-o", f"tls.keylog_file:{log}"] if log.exists() else []
    argv = ["tshark", "-r", str(capture), *keys, "-q", "-z", "io,phs"]
    seen = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    absent = [name for name in scenario.protocols if f"  {name} " not in seen and f"{name} " not in seen]
    if absent:
        raise LabError(f"not in the capture: {', '.join(absent)}")
