"""``clipbench audit``: can a threshold learn, before training and after it?"""

from __future__ import annotations

import argparse

from clipbench.cli.errors import guarded

EXAMPLES = """\
examples:
  clipbench audit
  clipbench audit clip=pact clip.init=10
  clipbench audit outputs/runs/RUN
  PYTHONPATH=. clipbench audit target=mypkg.power.PowerReLU power=3.0 trust=[mypkg]

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
    # Here and not above: it brings torch, which the help does without.
    from clipbench.cli.audits import audit

    return audit(words, config_dir=config_dir)
