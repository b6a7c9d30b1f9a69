"""The scales of a report: how grave a finding is, and what was decided."""

from enum import IntEnum, StrEnum


class Severity(IntEnum):
    """How grave, in ascending order (requirements 0.4)."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @property
    def label(self) -> str:
        """The word a report shows."""
        return self.name.lower()


class Verdict(StrEnum):
    """What a check decided. Missing evidence is `OPEN`, never a pass."""

    PASS = "pass"
    FAIL = "fail"
    OPEN = "open"
    NOT_APPLICABLE = "n/a"


SEVERITY_BY_LABEL = {severity.label: severity for severity in Severity}
