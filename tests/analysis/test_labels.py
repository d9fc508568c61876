"""Labels tell configurations apart, and say no more than what differs."""

from __future__ import annotations

from dataclasses import replace

from clipbench.analysis.labels import by_group, labels
from clipbench.analysis.load import UNREADABLE
from tests.analysis.made import made


def _names(runs, **kwargs):
    named = labels(runs, **kwargs)
    return [named[run.group] for run in runs]


def _optim(lr, name="adamw"):
    return {"_target_": f"clipbench.optim.{name}.{name}", "lr": lr}


def test_clips_are_called_by_their_names_and_seeds_share_one():
    runs = [made(clip, seed) for clip in ("relu", "pact") for seed in (0, 1)]
    assert _names(runs) == ["relu", "relu", "pact", "pact"]
    assert {group: len(members) for group, members in by_group(runs).items()} == {
        runs[0].group: 2,
        runs[2].group: 2,
    }


def test_one_configuration_is_called_by_its_clip():
    assert _names([made("pact", overrides=["clip=pact", "optim.lr=0.01"])]) == ["pact"]


def test_a_typed_key_that_differs_is_shown_and_one_that_does_not_is_not():
    runs = [
        made("relu", overrides=["clip=relu", "optim.lr=1e-2", "model=cnn"]),
        made("pact", overrides=["clip=pact", "optim.lr=0.01", "model=cnn"]),
    ]
    assert _names(runs) == ["relu", "pact"]
    runs.append(made("pact", overrides=["clip=pact", "optim.lr=0.1"], optim=_optim(0.1)))
    assert _names(runs) == ["relu, optim.lr=0.01", "pact, optim.lr=0.01", "pact, optim.lr=0.1"]


def test_a_key_is_shown_only_where_it_was_typed():
    typed = made("pact", overrides=["clip=pact", "optim.lr=0.1"], optim=_optim(0.1))
    runs = [made("relu"), made("pact"), typed]
    assert _names(runs) == ["relu", "pact", "pact, optim.lr=0.1"]


def test_a_key_that_another_choice_lacks_is_left_out_of_its_label():
    runs = [made("relu")]
    for init in (3.0, 6.0):
        clip = {"_target_": "clipbench.clips.pact.PACT", "init": init}
        runs.append(
            made("pact", overrides=["clip=pact", f"clip.init={init:.0f}"], nodes={"clip": clip})
        )
    assert _names(runs) == ["relu", "pact, clip.init=3.0", "pact, clip.init=6.0"]


def test_a_default_and_the_same_thing_typed_are_one_configuration():
    assert set(_names([made(overrides=[]), made(seed=1), made("pact")])) == {"relu", "pact"}


def test_what_was_typed_for_one_run_names_the_rerun_of_another_seed():
    norm = {"grad_clip": {"_target_": "clipbench.grad_clips.norm.clip"}}
    runs = [made(), made(seed=1, overrides=["seed=1"], **norm)]
    assert _names(runs) == ["relu, grad_clip=None", "relu, grad_clip=norm"]
    runs.append(made(seed=0, overrides=["clip=gradient"], **norm))
    assert _names(runs) == ["relu", "gradient", "gradient"]


def test_keys_held_apart_are_left_out():
    runs = [made(clip, data=data) for data in ("digits", "mnist") for clip in ("relu", "pact")]
    assert _names(runs)[:2] == ["relu, data=digits", "pact, data=digits"]
    assert _names(runs, apart=["data"]) == ["relu", "pact"] * 2


def test_what_differs_only_between_keys_held_apart_is_left_out_too():
    epochs = {"digits": 3, "mnist": 9}
    runs = [
        made(
            clip,
            data=data,
            overrides=[f"clip={clip}", f"data={data}", f"trainer.epochs={epochs[data]}"],
            trainer={"epochs": epochs[data]},
        )
        for data in epochs
        for clip in ("relu", "pact")
    ]
    assert _names(runs, apart=["data"]) == ["relu", "pact"] * 2
    assert _names(runs)[3] == "pact, data=mnist, trainer.epochs=9"


def test_configurations_that_no_typed_key_tells_apart_are_told_apart():
    few = [made(overrides=["clip=relu"], trainer={"epochs": epochs}) for epochs in (1, 2)]
    assert _names(few) == ["relu, trainer.epochs=1", "relu, trainer.epochs=2"]
    many = [made(overrides=[], trainer=dict.fromkeys("abcd", value)) for value in (1, 2)]
    assert _names(many) == [f"relu, {run.group[:8]}" for run in many]


def test_what_changes_no_result_is_not_shown():
    runs = [
        made(
            clip, overrides=[f"clip={clip}", f"trainer.device={device}"], trainer={"device": device}
        )
        for clip, device in (("relu", "cpu"), ("pact", "cuda"))
    ]
    assert _names(runs) == ["relu", "pact"]


def test_experiments_are_told_apart_by_their_names():
    runs = [
        made(overrides=[f"experiment={name}"], trainer=dict.fromkeys("abcd", name))
        for name in ("short", "long")
    ]
    assert _names(runs) == ["experiment=short", "experiment=long"]


def test_unreadable_runs_have_no_label():
    lost = replace(made(status=UNREADABLE), seed=None)
    assert labels([lost]) == {}
    assert labels([]) == {}
