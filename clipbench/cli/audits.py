"""The audits that a command line can ask for: of every clip, of one, of a module, of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from clipbench.audit.finding import convicted
from clipbench.audit.run import report_on
from clipbench.audit.static import StaticReport, audit_module
from clipbench.cli.audit_text import detail_lines, run_lines, table_lines
from clipbench.cli.audited import REFUSALS, check_made, maker
from clipbench.cli.check import faults_of_target
from clipbench.cli.compose import compose
from clipbench.cli.conf_dir import conf_dir, option_names
from clipbench.cli.errors import DONE, SOME_FAILED, ConfigError
from clipbench.cli.ls import read_choice

SPECIMEN = "NO_GRADIENT"


def audit(words: list[str], *, config_dir: str | None) -> int:
    """Do the audit that the words name, print it, and return the exit code.

    Raises:
        ConfigError: A word is wrong, or what it names cannot be audited.
        RunError: The directory holds no readable run.
    """
    if not words:
        if config_dir is not None:
            raise ConfigError(["--config-dir: name a clip of that folder too, clip=NAME"])
        return _audit_all()
    if _is_path(words[0]):
        return _audit_run(Path(words[0]), words[1:])
    if any(word.startswith("target=") for word in words):
        return _audit_target(words)
    return _audit_clip(words, config_dir)


def _audit_all() -> int:
    """Audit every clip; specimens, which declare that they cannot learn, do not count."""
    reports = {}
    for name in option_names(conf_dir(), "clip"):
        choice = read_choice("clip", name)
        reports[name] = audit_module(maker({"_target_": choice.target, **choice.keys}))
    print("\n".join(table_lines(reports, specimen=SPECIMEN)))
    guilty = [
        report
        for report in reports.values()
        if report.surprises or (report.convicts and report.expected != SPECIMEN)
    ]
    return SOME_FAILED if guilty else DONE


def _audit_clip(words: Sequence[str], config_dir: str | None) -> int:
    """Audit one clip as a configuration has it."""
    keys = [word.lstrip("+").partition("=")[0] for word in words]
    wrong = [key for key in keys if key not in ("clip", "trust") and not key.startswith("clip.")]
    if wrong:
        raise ConfigError([f"{key}: audit takes clip, clip.KEY and trust" for key in wrong])
    (job,) = compose(words, config_dir=config_dir).jobs
    return _show(job.config["clip"], trust=job.config["trust"])


def _audit_target(words: Sequence[str]) -> int:
    """Audit any module by its dotted path; the other words are its arguments."""
    pairs = dict(_pair(word) for word in words)
    trust = _trust(pairs)
    node = {"_target_": pairs.pop("target"), **pairs}
    faults = faults_of_target(node, group="clip", trust=trust)
    if faults:
        raise ConfigError(faults)
    return _show(node, trust=trust)


def _audit_run(path: Path, words: Sequence[str]) -> int:
    """Audit what a run has recorded, and its model beside its optimizer."""
    pairs = dict(_pair(word) for word in words)
    wrong = [key for key in pairs if key != "trust"]
    if wrong:
        raise ConfigError([f"{key}: audit RUN takes trust only" for key in wrong])
    report = report_on(path, trust=_trust(pairs))
    print("\n".join(run_lines(path, report)))
    return SOME_FAILED if convicted(report.findings) else DONE


def _show(node: dict[str, Any], *, trust: Sequence[str]) -> int:
    report = _report(node, trust=trust)
    print("\n".join(detail_lines(str(node["_target_"]), report)))
    return SOME_FAILED if report.convicts or report.surprises else DONE


def _report(node: dict[str, Any], *, trust: Sequence[str]) -> StaticReport:
    make = maker(node, trust=trust)
    check_made(node, make)
    try:
        return audit_module(make)
    except REFUSALS as error:
        text = " ".join(str(error).split())[:200]
        raise ConfigError([f"{node['_target_']} cannot be audited: {text}"]) from error


def _is_path(word: str) -> bool:
    """Tell a run directory from a key: a sweep's folders are named after overrides, with =."""
    return "=" not in word or "/" in word.partition("=")[0] or Path(word).is_dir()


def _trust(pairs: dict[str, Any]) -> list[str]:
    trust = pairs.pop("trust", [])
    if not isinstance(trust, list):
        raise ConfigError([f"trust: must be a list such as [mypkg], got {trust!r}"])
    return trust


def _pair(word: str) -> tuple[str, Any]:
    key, equals, text = word.partition("=")
    if not equals:
        raise ConfigError([f"'{word}' is no KEY=VALUE"])
    return key, yaml.safe_load(text)
