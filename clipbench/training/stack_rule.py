"""How the seeds of a job are shared out where the user leaves it open: one table, and no clock.

A stack launches the small operations of all its seeds once, and its seeds wait for the disk at the
same time; but what runs under ``vmap`` launches more of them, and a batched convolution is slower
on a CPU than one of its own for each seed. So it is a matter of model and size. The size of a step
is taken as parameters times images a batch, to which the arithmetic of an MLP is proportional.

On a CPU it is processes that gain most. On two cores of a server's CPU, ``clipbench bench seeds
data=digits model=mlp num_seeds=10`` (30 epochs, size 6.5e6) gave: ten commands 33.7 s; in one
process of one thread, seed after seed 9.4 s, as one stack 7.7 s; in two processes, seed after seed
7.0 s, each as a stack of five 6.7 s. The step alone, by turns in a process of one thread, is in a
stack of five 1.1 times as fast there (0.95 under prelu, 1.3 under learnable), 0.9 times at size
21e6 and 0.8 times at 76e6, and a CNN half as fast: these are not in the table. No GPU has been
measured; there seeds are stacked where that is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limit:
    """Up to which size a stack pays.

    Attributes:
        size: Parameters times images a batch, of one seed.
        seeds: The most seeds of one stack.
    """

    size: float
    seeds: int


LIMITS: dict[tuple[str, str], Limit] = {
    ("cpu", "clipbench.models.mlp.MLP"): Limit(size=10e6, seeds=16),
}
"""By type of device and model; what is not in the table trains alone."""


def stack_size(*, device: str, model: str, parameters: int, batch_size: int, seeds: int) -> int:
    """Return how many of ``seeds`` train as one stack; 1 for each alone.

    >>> ten = {"device": "cpu", "model": "clipbench.models.mlp.MLP", "seeds": 10}
    >>> stack_size(**ten, parameters=51_000, batch_size=128)
    10
    >>> stack_size(**ten, parameters=1_000_000, batch_size=128)
    1

    Args:
        device: Its type: ``cpu``, ``cuda``, ``mps``.
        model: The dotted path of its class.
        parameters: Of one model.
        batch_size: Images a batch of one seed.
        seeds: How many there are to share out among.
    """
    limit = LIMITS.get((device, model))
    if limit is None or parameters * batch_size > limit.size:
        return 1
    return min(seeds, limit.seeds)


WORTH_A_PROCESS = 250
"""Updates, of all seeds together, from which on several processes end before one.

Ten seeds of ``data=digits model=mlp``, on the machine above and by turns: at 180 updates processes
took 3.45 s and one 3.72 s (medians of four), at 270 3.59 and 3.69 s, at 450 3.84 and 4.0 s; at 90
the best of three was the same, 3.3 s. ``clipbench bench seeds data=digits model=mlp num_seeds=10
trainer.epochs=3`` shows the 270: 3.65 s as ``one job``, 3.83 s with one thread and one stack.
"""


def process_count(*, device: str, threads: int, seeds: int, steps: int) -> int:
    """Return how many processes share the seeds of a job; 1 for the job's own alone.

    On a CPU a seed by itself seldom keeps more than one thread busy, in its steps and between them.

    >>> process_count(device="cpu", threads=4, seeds=10, steps=270)
    4
    >>> process_count(device="cpu", threads=4, seeds=10, steps=20)
    1

    Args:
        device: Its type.
        threads: What the job may use.
        seeds: How many it trains.
        steps: Updates of one seed.
    """
    if device != "cpu" or seeds * steps < WORTH_A_PROCESS:
        return 1
    return min(threads, seeds)
