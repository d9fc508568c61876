"""Runs are shown under the names that reports give them, and never two under one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from clipbench.analysis.load import load_runs
from clipbench.analysis.summary_runs import write_summaries
from clipbench.cli.run_tree import RunTree, run_tree
from tests.records.written import write_run, write_sweep


def _shown(tree: RunTree) -> dict[str, Path]:
    links = [path for path in tree.folder.rglob("*") if path.is_symlink()]
    return {str(link.relative_to(tree.folder)): link.resolve() for link in links}


def _show(*roots: Path) -> dict[str, Path]:
    with run_tree(roots) as tree:
        tree.update(load_runs(roots))
        return _shown(tree)


def test_a_sweep_is_shown_by_what_tells_its_configurations_apart(tmp_path: Path) -> None:
    for clip in ("relu", "learnable"):
        for seed in (0, 1):
            folder = tmp_path / f"data=digits,clip={clip}" / f"seed={seed}"
            overrides = ["data=digits", f"clip={clip}", f"seed={seed}"]
            write_run(folder, clip=clip, seed=seed, overrides=overrides)
    write_summaries(tmp_path)
    assert _show(tmp_path) == {
        **{
            f"{clip}/seed={seed}": tmp_path / f"data=digits,clip={clip}" / f"seed={seed}"
            for clip in ("relu", "learnable")
            for seed in (0, 1)
        },
        "_summary/relu": tmp_path / "_summary" / "data=digits,clip=relu",
        "_summary/learnable": tmp_path / "_summary" / "data=digits,clip=learnable",
    }


def test_several_sweeps_below_a_folder_keep_their_places(tmp_path: Path) -> None:
    for sweep in ("a", "b"):
        write_sweep(tmp_path / sweep, clips=["relu", "prelu"], seeds=[0])
    single = write_run(tmp_path / "runs" / "2026-01-01")
    shown = _show(tmp_path)
    assert shown["runs/2026-01-01"] == single
    assert {name for name in shown if not name.startswith("runs")} == {
        f"{sweep}/{clip}/seed=0" for sweep in ("a", "b") for clip in ("relu", "prelu")
    }


def test_several_folders_are_told_apart(tmp_path: Path) -> None:
    roots = [tmp_path / "x" / "study", tmp_path / "y" / "study"]
    for root in roots:
        write_sweep(root, clips=["relu"], seeds=[0])
    assert _show(*roots) == {
        "x_study/relu/seed=0": roots[0] / "clip=relu" / "seed=0",
        "y_study/relu/seed=0": roots[1] / "clip=relu" / "seed=0",
    }


def test_a_single_run_and_a_single_configuration_have_a_name(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    assert _show(run) == {"run": run}
    (seed,) = write_sweep(tmp_path / "sweep", clips=["relu"], seeds=[0])
    assert list(_show(seed).values()) == [seed]
    assert list(_show(seed.parent).values()) == [seed]
    assert _show(tmp_path / "run", seed) == {"run": run, "seed=0": seed}


def test_two_configurations_of_one_label_are_called_as_their_folders_are(tmp_path: Path) -> None:
    for folder in ("first", "second"):  # of one configuration, as a copied folder would be
        write_run(tmp_path / folder / "seed=0", clip="relu")
    assert sorted(_show(tmp_path)) == ["first/seed=0", "second/seed=0"]


def test_a_label_is_one_safe_folder(tmp_path: Path) -> None:
    for target in ("a/b", ".."):
        overrides = [f"clip='{target}'", "seed=0"]
        write_run(tmp_path / target.replace("/", "_") / "seed=0", overrides=overrides, x=target)
        # A name of nothing but dots would lead out of the tree.
    shown = _show(tmp_path)
    assert len(shown) == len(load_runs([tmp_path]))
    assert not [name for name in shown if ".." in Path(name).parts]


def test_the_tree_follows_the_runs(tmp_path: Path) -> None:
    roots = [tmp_path / "sweep"]
    write_sweep(roots[0], clips=["relu"], seeds=[0])
    with run_tree(roots) as tree:
        tree.update(load_runs(roots))
        assert sorted(_shown(tree)) == ["relu/seed=0"]
        write_sweep(roots[0], clips=["prelu"], seeds=[0])
        os.rename(roots[0] / "clip=relu" / "seed=0", tmp_path / "gone")
        write_summaries(roots[0])
        tree.update(load_runs(roots))
        assert sorted(_shown(tree)) == ["_summary/prelu", "prelu/seed=0"]
        assert tree.names() == ["prelu/seed=0"]
        folder = tree.folder
    assert not folder.exists()
    assert (roots[0] / "clip=prelu" / "seed=0" / "run.json").exists()


def test_no_link_is_laid_into_a_run(tmp_path: Path) -> None:
    outer = write_run(tmp_path / "outer")
    write_sweep(outer, clips=["relu", "prelu"], seeds=[0])
    write_run(outer / "inner")
    before = sorted(outer.rglob("*"))
    assert _show(tmp_path) == {"outer": outer}
    assert sorted(outer.rglob("*")) == before


def test_a_name_that_comes_to_mean_another_run_is_led_there(tmp_path: Path) -> None:
    roots = [tmp_path]
    write_run(tmp_path / "first" / "seed=0", clip="relu")
    with run_tree(roots) as tree:
        tree.update(load_runs(roots))
        assert _shown(tree) == {"relu/seed=0": tmp_path / "first" / "seed=0"}
        os.rename(tmp_path / "first", tmp_path / "second")
        tree.update(load_runs(roots))
        assert _shown(tree) == {"relu/seed=0": tmp_path / "second" / "seed=0"}


@pytest.mark.parametrize("content", ["{}", "rubbish"])
def test_a_run_that_cannot_be_read_is_shown_where_it_lies(tmp_path: Path, content: str) -> None:
    (run,) = write_sweep(tmp_path, clips=["relu"], seeds=[0])
    (run / "run.json").write_text(content)
    assert _show(tmp_path) == {"clip=relu/seed=0": run}
