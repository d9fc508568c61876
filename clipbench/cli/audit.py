"""``clipbench audit``: can a threshold learn, before training and after it?"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml
from torch import nn

from clipbench.audit.finding import convicted
from clipbench.audit.inputs import FEATURES
from clipbench.audit.run import audit_run
from clipbench.audit.static import StaticReport, audit_gradients, audit_module
from clipbench.cli.audit_text import detail_lines, run_lines, table_lines
from clipbench.cli.audited import REFUSALS, maker
from clipbench.cli.check import faults_of_target
from clipbench.cli.compose import compose
from clipbench.cli.conf_dir import conf_dir, option_names
from clipbench.cli.errors import DONE, SOME_FAILED, ConfigError, guarded
from clipbench.cli.ls import read_choice

SPECIMEN = "NO_GRADIENT"
EXAMPLES = """\
examples:
  clipbench audit
  clipbench audit clip=pact clip.init=10
  clipbench audit outputs/runs/RUN
  clipbench audit target=mypkg.power.PowerReLU power=3.0 trust=[mypkg]

exit codes: 0 all is as declared, 1 something cannot learn, 2 usage or configuration
"""


def main(arguments: list[str]) -> int:
    """Run ``clipbench audit`` and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="clipbench audit",
        description="Tell whether thresholds can learn: all clips', one's, your own's, a run's.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "words",
        nargs="*",
        metavar="RUN | KEY=VALUE",
        help="a run directory; or clip=NAME clip.KEY=VALUE; or target=PATH with its arguments",
    )
    parser.add_argument("--config-dir", metavar="DIR", help="a folder with options of your own")
    parsed = parser.parse_args(arguments)
    return guarded(lambda: _audit(parsed.words, parsed.config_dir))


def _audit(words: list[str], config_dir: str | None) -> int:
    if not words:
        return _audit_all()
    if "=" not in words[0]:
        return _audit_run(Path(words[0]), words[1:])
    if any(word.startswith("target=") for word in words):
        return _audit_target(words)
    return _audit_clip(words, config_dir)


def _audit_all() -> int:
    """Audit every clip; specimens, which declare that they cannot learn, do not count."""
    reports = {}
    for name in option_names(conf_dir(), "clip"):
        choice = read_choice("clip", name)
        reports[name] = audit_gradients(maker({"_target_": choice.target, **choice.keys}))
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
    trust = pairs.pop("trust", [])
    if not isinstance(trust, list):
        raise ConfigError([f"trust: must be a list such as [mypkg], got {trust!r}"])
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
    findings = audit_run(path, trust=pairs.get("trust", []))
    print("\n".join(run_lines(path, findings)))
    return SOME_FAILED if convicted(findings) else DONE


def _show(node: dict[str, Any], *, trust: Sequence[str]) -> int:
    report = _report(node, trust=trust)
    print("\n".join(detail_lines(str(node["_target_"]), report)))
    return SOME_FAILED if report.convicts or report.surprises else DONE


def _report(node: dict[str, Any], *, trust: Sequence[str]) -> StaticReport:
    make = maker(node, trust=trust)
    _check_made(node, make)
    try:
        return audit_module(make)
    except REFUSALS as error:
        text = " ".join(str(error).split())[:200]
        raise ConfigError([f"{node['_target_']} refuses inputs (N, {FEATURES}): {text}"]) from error


def _check_made(node: dict[str, Any], make: Callable[..., object]) -> None:
    try:
        made = make()
    except REFUSALS as error:
        raise ConfigError([str(error)]) from error
    if not isinstance(made, nn.Module):
        raise ConfigError([f"target: '{node['_target_']}' makes no torch module"])


def _pair(word: str) -> tuple[str, Any]:
    key, equals, text = word.partition("=")
    if not equals:
        raise ConfigError([f"'{word}' is no KEY=VALUE"])
    return key, yaml.safe_load(text)
