"""Thirty configurations that would run something: typed, in a folder of options, or recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from clipbench.cli.main import main
from clipbench.records.run_dir import RUN_FILE
from scripts.hostile.gadgets import MARK
from scripts.malformed.case import copied
from scripts.malformed.folders import resealed

Lay = Callable[[Path], Callable[[], int]]
TOUCH = f"touch {MARK}"


def yaml_bomb() -> str:
    """Return a few hundred bytes that nine aliases in each of eight levels make into gigabytes."""
    pairs = zip("abcdefg", "bcdefgh", strict=True)
    levels = (f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n" for before, name in pairs)
    return "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(levels)


TYPED: tuple[Sequence[str], ...] = (
    ["clip._target_=builtins.open", f"+clip.file={MARK}", "+clip.mode=w"],
    ["clip._target_=os.system", f"+clip.command='{TOUCH}'"],
    ["data._target_=pathlib.Path.touch", f"+data.self={MARK}"],
    ["data._target_=clipbench.data.npm.from_npm", f"+data.package={MARK}", "+data.names=[]"],
    ["model._target_=clipbench.cli.main.main", "+model.argv=[doctor]"],
    [f"+clip.extra={{_target_: os.system, command: '{TOUCH}'}}"],
    [f"optim.lr={{_target_: os.system, command: '{TOUCH}'}}"],
    ["probe.sparsity._target_=subprocess.run", f"+probe.sparsity.args=[touch,{MARK}]"],
    [f"+hydra.callbacks.x={{_target_: os.system, command: '{TOUCH}'}}"],
    [f"+hydra.job_logging.handlers.x={{'()': os.system, command: '{TOUCH}'}}"],
    [f"+hydra.job_logging.handlers.y={{class: logging.FileHandler, filename: {MARK}}}"],
    ["+hydra.job.env_set.LD_PRELOAD=/tmp/evil.so"],
    ["hydra.launcher._target_=os.system"],
    ["hydra.sweeper._target_=os.system"],
    ["hydra.output_subdir=../outside"],
    ["trust=[os]", "clip._target_=os.system", f"+clip.command='{TOUCH}'"],
)

OPTIONS: Mapping[str, str] = {
    "_target_ in a file": f"_target_: os.system\ncommand: '{TOUCH}'\n",
    "a tag of Python's": f"!!python/object/apply:os.system ['{TOUCH}']\n",
    "a nested _target_": "_target_: clipbench.clips.learnable.LearnableClip\n"
    f"init: {{_target_: builtins.exec, source: \"open('{MARK}','w')\"}}\n",
    "its own defaults for Hydra": f"# @package _global_\nhydra:\n  callbacks:\n    x:\n"
    f"      _target_: os.system\n      command: '{TOUCH}'\n",
    "aliases without end": yaml_bomb(),
}  # fmt: skip


def _recorded() -> dict[str, Callable[[dict[str, Any]], object]]:
    system = {"_target_": "os.system", "command": TOUCH}
    npm = {"_target_": "clipbench.data.npm.from_npm", "package": MARK, "names": ["x"]}
    mnist = {"_target_": "clipbench.data.mnist.load", "root": MARK, "val_size": 1}
    journal = {"_target_": "clipbench.records.journal.Journal", "path": MARK}
    grown = {"a0": "x" * 100, **{f"a{n + 1}": f"${{a{n}}}${{a{n}}}" for n in range(40)}}
    return {
        "os.system": lambda config: config.update(clip=system),
        "os.system with trust": lambda config: config.update(clip=system, trust=["os"]),
        "npm": lambda config: config.update(data=npm),
        "a nested npm": lambda config: config["model"].update(widths=[npm]),
        "a nested data set": lambda config: config["model"].update(widths=[mnist]),
        "a nested journal": lambda config: config["clip"].update(init=journal),
        "a variable of ours": lambda config: config.update(seed="${oc.env:CLIPBENCH_SECRET}"),
        "texts that double": lambda config: config.update(grown),
        "hydra.callbacks": lambda config: config.update(hydra={"callbacks": {"x": system}}),
    }


def trials(run: Path) -> Mapping[str, Lay]:
    """Return what is to be tried, by name; recorded ones come with a digest that fits.

    Args:
        run: A finished run, whose record is changed in copies.
    """
    found: dict[str, Lay] = {}
    for typed in TYPED:
        found[f"typed {' '.join(typed)}"] = _typed(typed)
    for name, text in OPTIONS.items():
        found[f"an option with {name}"] = _option(text)
    for name, change in _recorded().items():
        found[f"recorded {name}"] = _changed(run, change)
    return found


def _typed(typed: Sequence[str]) -> Lay:
    return lambda _folder: lambda: main(["train", "experiment=smoke", *typed])


def _option(text: str) -> Lay:
    def lay(folder: Path) -> Callable[[], int]:
        (folder / "own" / "clip").mkdir(parents=True)
        (folder / "own" / "clip" / "evil.yaml").write_text(text)
        return lambda: main(["train", "clip=evil", "--config-dir", "own"])

    return lay


def _changed(run: Path, change: Callable[[dict[str, Any]], object]) -> Lay:
    """Evaluate and repeat a changed run; what the first refuses, the second must refuse too."""

    def lay(folder: Path) -> Callable[[], int]:
        file = copied(run, folder) / RUN_FILE
        file.write_bytes(resealed(file.read_bytes(), lambda manifest: change(manifest["config"])))

        def trial() -> int:
            codes = {main([command, "run"]) for command in ("eval", "rerun")}
            codes |= {_loaded(folder / "run")} - {0}
            return max(codes) if 0 not in codes else 0

        return trial

    return lay


def _loaded(run: Path) -> int:
    """Load a run as a notebook does; a record that names nothing bad in model and clip may load."""
    from clipbench.records.reading import RunError
    from clipbench.training.checkpoint import load_run

    try:
        load_run(run)
    except RunError:
        return 4
    return 0
