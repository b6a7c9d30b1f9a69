"""Rules, topology and keys loaded before any packet is read; all their problems collected."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from analyzer.app.file_folder import folder_problems
from analyzer.app.key_loading import KeyTail, load_keys
from analyzer.app.settings import Observer, Settings, WrongUse
from analyzer.core.limits import Limits
from analyzer.core.text import safe
from analyzer.formats.user_file import read_bounded
from analyzer.pipeline.engine import Setup
from analyzer.rules.bundled import bundled_rules_dir
from analyzer.rules.evaluate import RuleSet
from analyzer.rules.frameworks import load_frameworks
from analyzer.rules.load import load_rules
from analyzer.session.topology import Topology, load
from analyzer.session.trust import Trust, read_certificates

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

CERTIFICATES = frozenset({".pem", ".crt", ".cer", ".der"})
MAX_TRUST_FILE = 4 * 1024 * 1024


def rule_paths(names: Iterable[str]) -> tuple[list[Path], list[str]]:
    """Files of the rules asked for: a file, a folder, or the name of a bundled pack; none asked: all bundled."""
    bundled = bundled_rules_dir()
    paths: list[Path] = []
    problems: list[str] = []
    for name in names:
        path = Path(name)
        if path.exists():
            paths.append(path)
        elif (bundled / f"{name}.yaml").is_file():
            paths.append(bundled / f"{name}.yaml")
        else:
            packs = ", ".join(sorted(file.stem for file in bundled.glob("*.yaml")))
            problems.append(f"{safe(name)}: no such rule file, folder or bundled pack (packs: {packs})")
    return paths or [bundled], problems


def load_rule_set(settings: Settings, problems: list[str]) -> RuleSet:
    """The rules of a run."""
    paths, missing = rule_paths(settings.rules)
    problems += missing
    if missing:
        return RuleSet()
    rules, wrong = load_rules(paths)
    problems += [str(problem) for problem in wrong]
    known = {rule.id for rule in rules.rules} | {rule.id.partition(".")[0] for rule in rules.rules}
    problems += [f"--rule: no rule is called {safe(name)}" for name in settings.only_rules if name not in known]
    problems += [f"--skip-rule: no rule is called {safe(name)}" for name in settings.skip_rules if name not in known]
    profiles = {profile for rule in rules.rules for profile in rule.profiles}
    if settings.profile is not None and settings.profile not in profiles:
        problems.append(f"--profile: no such profile {safe(settings.profile)} (known: {', '.join(sorted(profiles))})")
    return rules.select(settings.profile, frozenset(settings.only_rules), frozenset(settings.skip_rules))


def _read(path: Path, problems: list[str], bound: int) -> bytes | None:
    try:
        return read_bounded(path, bound)
    except OSError as error:
        problems.append(f"{path}: cannot be read ({error.strerror or type(error).__name__})")
        return None


def load_trust(paths: Iterable[Path], problems: list[str]) -> Trust:
    """The certificates of files and folders."""
    found: list[Certificate] = []
    for path in paths:
        files = sorted(f for f in path.iterdir() if f.suffix.lower() in CERTIFICATES) if path.is_dir() else [path]
        if not files:
            problems.append(f"{path}: no certificate in this folder ({', '.join(sorted(CERTIFICATES))})")
        for file in files:
            data = _read(file, problems, MAX_TRUST_FILE)
            if data is None:
                continue
            try:
                found += read_certificates(data)
            except ValueError:
                problems.append(f"{file}: no certificate, neither PEM nor DER")
    return Trust(found)


def load_topology(path: Path | None, problems: list[str]) -> Topology | None:
    """The topology file, None if none is given."""
    if path is None:
        return None
    data = _read(path, problems, 1024 * 1024)
    if data is None:
        return None
    topology, wrong = load(data, str(path))
    problems += [str(problem) for problem in wrong]
    return topology


def prepare(
    settings: Settings, observer: Observer, limits: Limits | None = None, tails: list[KeyTail] | None = None
) -> Setup:
    """The engine's setup. WrongUse with every problem if there is any. With `tails`, key logs may grow."""
    problems: list[str] = []
    frameworks, wrong = load_frameworks(bundled_rules_dir())
    problems += [str(problem) for problem in wrong]
    rules = load_rule_set(settings, problems)
    topology = load_topology(settings.topology, problems)
    keyring = load_keys(settings.keys, problems, observer, tails)
    trust = load_trust(settings.trust, problems)
    if settings.keys and not settings.decrypt:
        problems.append("--no-decrypt: keys are given, and nothing is to be opened")
    problems += folder_problems(settings.files) if settings.files is not None else []
    if problems:
        raise WrongUse(problems)
    behind = frozenset(name for name, point in topology.taps.items() if point == "post_decrypt") if topology else None
    return Setup(
        limits=limits or Limits(),
        rules=rules,
        frameworks=frameworks,
        topology=topology,
        keyring=keyring,
        trust=trust,
        reveal_identities=settings.reveal_identities,
        decrypt=settings.decrypt,
        post_decrypt_taps=behind or frozenset(),
    )
