"""``clipbench bench``: how fast clips, steps, seeds, start-up and data are, against a reference."""

from __future__ import annotations

import argparse
from pathlib import Path

from clipbench.cli.errors import ConfigError, guarded
from clipbench.cli.nearest import nearest

PARTS = {
    "clips": "ns per element forward and backward, as a share of what a copy moves",
    "step": "a step of the training loop against a plain PyTorch loop",
    "seeds": "several seeds in one job against one command a seed",
    "startup": "seconds to the usage, the help and the first optimizer step",
    "data": "seconds to load a set, batches a second with and without augmentation",
}
FLAGS = (
    "--repeats",
    "--shape",
    "--no-compile",
    "--json",
    "--figure",
    "--against",
    "--config-dir",
    "--help",
)
DESCRIPTION = """\
Measure speed: always in turns with a reference (A B A B), as medians with quartiles. Without the
name of a part all are measured; overrides are those of clipbench train, and may list values.

parts:
{parts}
"""
EXAMPLES = """\
examples:
  clipbench bench
  clipbench bench clips clip=relu,learnable,pact --shape 128x64x16x16
  clipbench bench step model=cnn data=mnist --json now.json --figure now.svg
  clipbench bench step startup --against earlier.json
  clipbench bench seeds model=mlp num_seeds=5 trainer.epochs=3 --repeats 3

On a machine that does other work too, only ratios mean something.
exit codes: 0 done, 2 usage or configuration, 4 the earlier bench cannot be read, 6 disk;
what a command that was to be timed failed with
"""


def main(arguments: list[str]) -> int:
    """Run ``clipbench bench`` and return its exit code."""
    parsed = _parser().parse_intermixed_args(arguments)
    return guarded(lambda: _bench(parsed))


def _bench(parsed: argparse.Namespace) -> int:
    parts = _parts([word for word in parsed.words if not _is_override(word)])
    overrides = [word for word in parsed.words if _is_override(word)]
    # Here and not above: it brings torch, which the help does without.
    from clipbench.cli.benches.drive import bench

    return bench(parts, overrides, parsed)


def _parts(words: list[str]) -> list[str]:
    wrong = [word for word in words if word not in PARTS]
    if wrong:
        raise ConfigError([f"'{word}' is no part; {nearest(word, PARTS)}" for word in wrong])
    return [part for part in PARTS if part in words or not words]


def _is_override(word: str) -> bool:
    return "=" in word or word.startswith("~")


def _parser() -> argparse.ArgumentParser:
    parts = "\n".join(f"  {name:<9}{about}" for name, about in PARTS.items())
    parser = argparse.ArgumentParser(
        prog="clipbench bench",
        description=DESCRIPTION.format(parts=parts),
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("words", nargs="*", metavar="PART | KEY=VALUE", help="parts, and overrides as for train")
    add("--repeats", type=_count, metavar="N", help="turns that count (default: by part, 3 to 20)")
    add("--shape", type=_shape, default="128x32x28x28", metavar="NxCxHxW",
        help="of the tensor that clips are measured on (default: 128x32x28x28)")  # fmt: skip
    add("--no-compile", action="store_true", help="measure clips as they are, not compiled too")
    add("--json", type=Path, metavar="FILE", help="write every value, to be compared with later")
    add("--figure", type=Path, metavar="FILE.svg", help="draw the results")
    add("--against", type=Path, metavar="FILE", help="compare with the --json of an earlier bench")
    add("--config-dir", metavar="DIR", help="a folder with options of your own")
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, got {number}")
    return number


def _shape(text: str) -> tuple[int, ...]:
    try:
        shape = tuple(_count(side) for side in text.split("x"))
    except ValueError:
        shape = ()
    if len(shape) not in (2, 4):
        raise argparse.ArgumentTypeError(f"must be NxC or NxCxHxW, got {text}")
    return shape
