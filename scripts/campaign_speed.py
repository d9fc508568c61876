"""Campaign: whole steps and whole jobs against one another, as ratios of turns A B A B.

Run it in the project's environment: .venv/bin/python -m scripts.campaign_speed [NAME ...]
Names: cnn compiled bf16 singles commands template (default: all, about ten minutes).

- cnn       a CNN's step with a clip against relu: forward, loss, backward and update, eager.
- compiled  the same, with the passes compiled: learnable alone, for a compiler takes its time.
- bf16      a CNN's step in bf16 and channels last against fp32, in torch's own layout and in ours.
- singles   ten seeds of digits/mlp as one job against ten commands in turn in one process.
- commands  the same job against ten commands, each a process of its own.
- template  MNIST, an MLP of 64-128-64 with batch norm, three epochs with validation: the seconds.

It needs Fashion-MNIST and MNIST, and a machine with nothing else to do. Prints one line a figure:
the median, the quartiles, and what is asked; ends with `N of M`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import torch

from clipbench.bench.measure import spread
from clipbench.bench.plain_loop import PlainLoop
from clipbench.bench.turns import in_turns, timed
from clipbench.cli.assemble import assemble, load_data
from clipbench.cli.compose import compose
from clipbench.training.memory import keep_freed_memory
from clipbench.training.precision import Precision

TURNS = 11
EPOCH = ["data=fashion_mnist", "data.val_size=57500"]  # 19 steps
SEEDS = ["data=digits", "model=mlp"]
TEMPLATE = ["data=mnist", "model=mlp", "model.widths=[64,128,64]", "model.batch_norm=true"]
TEMPLATE += ["optim.weight_decay=0", "trainer.epochs=3", "data.val_size=5000"]
IN_ONE_PROCESS = """
import sys
from clipbench.cli.main import main
for seed in range(10):
    code = main(["train", *sys.argv[2:], f"seed={seed}", f"hydra.run.dir='{sys.argv[1]}/{seed}'"])
    assert code == 0
"""


def epoch_of(
    *words: str,
    precision: Precision = "fp32",
    layout: torch.memory_format | None = None,
    compiled: bool = False,
) -> Callable[[], float]:
    """Return what trains a CNN for an epoch and gives its seconds."""
    config = compose(["model=cnn", *EPOCH, *words]).jobs[0].config
    data = replace(load_data(config).to(torch.device("cpu")), augment=None)
    parts = assemble(config, data, seed=0, device=torch.device("cpu"))
    if layout is not None:
        parts.state.model.to(memory_format=layout)  # type: ignore[call-overload]
    loop = PlainLoop(parts.state, parts.train_batches, precision=precision, compile_model=compiled)
    return loop.epoch


def cnn() -> list[bool]:
    """Compare clips with relu, eager."""
    names = ("learnable", "masked", "prelu", "relu")
    given = in_turns({name: epoch_of(f"clip={name}") for name in names}, turns=TURNS)
    return [told(f"{name} to relu", given[name], given["relu"], most=1.10) for name in names[:-1]]


def compiled() -> list[bool]:
    """Compare learnable with relu, compiled."""
    names = ("learnable", "relu")
    runs = {name: epoch_of(f"clip={name}", compiled=True) for name in names}
    given = in_turns(runs, turns=TURNS)
    return [told("learnable to relu, compiled", given["learnable"], given["relu"], most=1.05)]


def bf16() -> list[bool]:
    """Compare bf16 with fp32 in both layouts."""
    runs = {
        "bf16": epoch_of(precision="bf16"),
        "fp32 in torch's own layout": epoch_of(layout=torch.contiguous_format),
        "fp32 in channels last": epoch_of(),
    }
    given = in_turns(runs, turns=TURNS)
    return [
        told(f"{name} to bf16", given[name], given["bf16"], least=1.6) for name in list(runs)[1:]
    ]


def singles() -> list[bool]:
    """Compare a job of ten seeds with ten commands in one process."""

    def apart(folder: Path) -> None:
        run([sys.executable, "-c", IN_ONE_PROCESS, str(folder), *SEEDS])

    return [_beside_a_job("ten in one process", apart, turns=5, least=3)]


def commands() -> list[bool]:
    """Compare a job of ten seeds with ten processes."""

    def apart(folder: Path) -> None:
        for seed in range(10):
            train(folder / str(seed), *SEEDS, f"seed={seed}")

    return [_beside_a_job("ten commands", apart, turns=3, least=8)]


def _beside_a_job(name: str, apart: Callable[[Path], None], *, turns: int, least: float) -> bool:
    with places() as place:
        runs = {
            "apart": timed(lambda: apart(next(place))),
            "together": timed(lambda: train(next(place), *SEEDS, "num_seeds=10")),
        }
        given = in_turns(runs, turns=turns, warm_up=0)
    return told(f"{name} to a job of ten seeds", given["apart"], given["together"], least=least)


def template() -> list[bool]:
    """Time the workload of the field's common template."""
    with places() as place:
        whole = timed(lambda: train(next(place), *TEMPLATE))
        seconds = in_turns({"whole": whole}, turns=3)["whole"]
    return [told("the template's workload, seconds", seconds, [1.0] * 3, most=8)]


@contextmanager
def places() -> Iterator[Iterator[Path]]:
    """Give fresh folders, and remove them all."""
    with tempfile.TemporaryDirectory(prefix="clipbench-speed-") as folder:
        yield (Path(folder, str(number)) for number in count())


def train(folder: Path, *words: str) -> None:
    """Run ``clipbench train`` to its good end."""
    run([sys.executable, "-m", "clipbench.cli.main", "train", *words, f"hydra.run.dir='{folder}'"])


def run(command: Sequence[str]) -> None:
    """Run a command to its good end."""
    subprocess.run(command, check=True, capture_output=True)


def told(
    name: str,
    values: Sequence[float],
    reference: Sequence[float],
    *,
    most: float | None = None,
    least: float | None = None,
) -> bool:
    """Print the ratio of two contestants, and return whether its median is as asked."""
    found = spread([value / base for value, base in zip(values, reference, strict=True)])
    good = (most is None or found.median <= most) and (least is None or found.median >= least)
    asked = f"at most {most}" if least is None else f"at least {least}"
    middle = f"{found.median:.3g} ({found.low:.3g} to {found.high:.3g})"
    print(f"{'ok' if good else 'MISSED':<8}{name}: {middle}, asked {asked}", flush=True)
    return good


PARTS: dict[str, Callable[[], list[bool]]] = {
    part.__name__: part for part in (cnn, compiled, bf16, singles, commands, template)
}


def main(names: Sequence[str]) -> int:
    """Measure and return 0 if all is as asked."""
    keep_freed_memory()
    results = [good for name in names or PARTS for good in PARTS[name]()]
    print(f"as fast as asked: {sum(results)} of {len(results)}")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
