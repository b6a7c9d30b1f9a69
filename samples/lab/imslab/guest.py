"""A scenario inside user-mode-linux, for what the host's kernel may lack: ESP and GTP-U.

`boot` gives the command that starts the guest; `python -m imslab.guest NAME FOLDER` is what runs inside.
"""

import sys
import traceback
from pathlib import Path
from threading import Event

from imslab import scenario

PROGRAMS = ("linux.uml", "modprobe")
PATIENCE = 4.0  # a guest is so much slower than its host
SECONDS = 150.0
_INIT = Path(__file__).parents[1] / "components" / "guest-init"


def boot(name: str, folder: Path) -> list[str]:
    """The command of a guest that runs a scenario in a folder; it ends by itself."""
    words = {"NAME": name, "FOLDER": folder, "PYTHON": sys.executable, "PACKAGE": Path(__file__).parents[1]}
    told = [f"LAB_{word}={value}" for word, value in words.items()]
    root = ["root=/dev/root", "rootfstype=hostfs", "rootflags=/", "rw", f"init={_INIT}"]
    return ["linux.uml", "mem=768M", *root, *told, "con=null", "con0=null,fd:1"]


def outcome(folder: Path) -> Path:
    """Where the guest says how it went: an empty file, or what was wrong."""
    return folder / "guest.outcome"


def main(name: str, folder: Path) -> None:
    """Runs a scenario to its captures."""
    from imslab.run import Run  # run.py starts guests, and guests run it

    try:
        Run(scenario.read(scenario.FOLDER / f"{name}.yaml"), folder, 0, Event(), PATIENCE).go()
        told = ""
    except Exception:  # noqa: BLE001  # the host has nothing else to read
        told = traceback.format_exc()
    outcome(folder).write_text(told)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
