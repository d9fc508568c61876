"""From a sweep's words to one line of overrides a job.

Typed lists and ``sweep.params`` are combined, each with each. An entry of ``sweep.points`` and a
position of ``sweep.zip`` are taken whole: three paired points are three jobs, not nine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException

from clipbench.cli.errors import ConfigError
from clipbench.cli.loader import brief

Line = list[str]


def combinations(words: Sequence[Override]) -> list[Line]:
    """Return one line for each combination of the values that the words list.

    Raises:
        ConfigError: A word lists values that nobody can enumerate, such as an interval.
    """
    try:
        batches = BasicSweeper.split_arguments(list(words), max_batch_size=None)
    except HydraException as error:
        raise ConfigError([brief(error)]) from error
    return [list(line) for batch in batches for line in batch]


def params_text(params: Mapping[str, str | Sequence[Any]]) -> Line:
    """Return ``sweep.params`` as overrides: a text as it would be typed, a list with commas.

    >>> params_text({"clip": "relu,silu", "optim.lr": [0.01, 0.1]})
    ['clip=relu,silu', 'optim.lr=0.01,0.1']
    """
    return [
        f"{key}={values if isinstance(values, str) else ','.join(_text(v) for v in values)}"
        for key, values in params.items()
    ]


def point_lines(sweep: Mapping[str, Any]) -> list[Line]:
    """Return the override sets of ``sweep.points`` and ``sweep.zip``, combined; else one empty set.

    >>> point_lines({"points": [{"clip": "relu"}], "zip": {"seed": [0, 1], "optim.lr": [0.1, 0.2]}})
    [['clip=relu', 'seed=0', 'optim.lr=0.1'], ['clip=relu', 'seed=1', 'optim.lr=0.2']]

    Raises:
        ConfigError: Two keys are set twice, or the lists to zip differ in length.
    """
    points, zipped = sweep["points"], sweep["zip"]
    lengths = {len(values) for values in zipped.values()}
    if len(lengths) > 1:
        sizes = ", ".join(f"{key} has {len(values)}" for key, values in zipped.items())
        raise ConfigError([f"sweep.zip: the lists must have one length; {sizes}"])
    positions = range(next(iter(lengths))) if lengths else range(0)
    rows = [{key: values[i] for key, values in zipped.items()} for i in positions]
    for point in points:
        refuse_twice(point, zipped, where="sweep.points and sweep.zip")
    return [
        [f"{key}={_text(value)}" for key, value in {**point, **row}.items()]
        for point, row in product(points or [{}], rows or [{}])
    ]


def refuse_twice(keys: Iterable[str], others: Iterable[str], *, where: str) -> None:
    """Make sure that no key is set in both of two places.

    Raises:
        ConfigError: Naming the keys.
    """
    both = sorted(set(keys) & set(others))
    if both:
        raise ConfigError([f"{key}: set by {where} both; leave one out" for key in both])


def _text(value: object) -> str:
    """Write a value as it would be typed behind the equals sign."""
    return str(Override._get_value_element_as_str(_quoted(value)))  # noqa: SLF001


def _quoted(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, str) and not value.replace("_", "").replace("-", "").isalnum():
        return QuotedString(value, Quote.single)
    if isinstance(value, Mapping):
        return {key: _quoted(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_quoted(item) for item in value]
    return value
