"""What a check has to say about one threshold: a reason and a remedy, on one line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that keeps a threshold from learning, or may.

    Attributes:
        subject: the parameter or threshold: ``upper`` of a module, ``conv1/upper`` of a run.
        reason: what was found, with the numbers behind it.
        remedy: what to do about it.
        convicts: whether the threshold cannot learn, or learns by a wrong gradient, as things are;
            otherwise it is a warning.
    """

    subject: str
    reason: str
    remedy: str
    convicts: bool

    def __str__(self) -> str:
        """Give the finding on one line."""
        weight = "cannot learn" if self.convicts else "beware"
        return f"{self.subject}: {weight}: {self.reason}; {self.remedy}"


def warning(subject: str, reason: str, remedy: str) -> Finding:
    """Give a finding that does not convict."""
    return Finding(subject, reason, remedy, convicts=False)


def convicted(findings: Iterable[Finding]) -> bool:
    """Tell whether any finding convicts."""
    return any(finding.convicts for finding in findings)
