"""The check of DESIGN decision 4: wrong words, found all at once, before anything is made."""

import subprocess
import sys

import pytest

from clipbench.cli.compose import compose
from clipbench.cli.errors import ConfigError

WRONG = [
    # what is typed, what the answer must name
    ("modle=cnn", "did you mean 'model'"),
    ("model=cn", "did you mean 'cnn'"),
    ("clip=lernable", "did you mean 'learnable'"),
    ("clip.inti=0.3", "did you mean 'init'"),
    ("+clip.inti=0.3", "did you mean 'init'"),
    ("++clip.inti=0.3", "did you mean 'init'"),
    ("+seeed=3", "did you mean 'seed'"),
    ("trainer.epoch=3", "did you mean 'epochs'"),
    ("optim.learning_rate=1", "optim.learning_rate: no such key"),
    ("trainer.epochs=many", "trainer.epochs: should be a valid integer"),
    ("trainer.epochs=1.5", "trainer.epochs"),
    ("trainer.epochs=true", "trainer.epochs"),
    ("trainer.epochs=null", "trainer.epochs"),
    ("trainer.epochs=0", "greater than or equal to 1"),
    ("=5", "'=5' names no key"),
    ("seed=-1", "greater than or equal to 0"),
    ("optim.lr=0", "greater than 0"),
    ("optim.lr=-1e-3", "greater than 0"),
    ("optim.lr=nan", "optim.lr: must be a number"),
    ("optim.lr='0.1'", "optim.lr"),
    ("clip.init=-1", "greater than 0"),
    ("clip.init=percentil", "percentile"),
    ("clip.per=chanel", "clip.per"),
    ("clip.num_features=3", "supplied by clipbench"),
    ("model.num_classes=3", "supplied by clipbench"),
    ("trainer.device=gpu", "trainer.device"),
    ("name=../x", "name"),
    ("name=runs", "name: 'runs' is where runs without a name lie"),
    ("hydra.mode=MULTIRUN", "hydra.mode: this cannot be changed"),
    ("clip=null", "clip: no option 'null'; choose from"),
    ("experiment=null", "experiment: no option 'null'"),
    ("hydra/launcher=null", "hydra/launcher: no option 'null'"),
    ("data.val_size=0", "greater than or equal to 1"),
    ("data.val_size=1438", "data.val_size: should be less than 1438"),
    ("model.widths=[]", "model.widths"),
    ("clip._target_=os.system", "clip._target_"),
    ("clip._target_=clipbench.records.durable.write_bytes", "not in clipbench.clips"),
    ("clip={_target_: mypkg.Clip}", "no option"),
    ("clip._target_=mypkg.Clip", "trust=[mypkg]"),
    ("clip._target_=3", "clip._target_: should be a dotted path, got 3"),
    ("clip._partial_=true", "clip._partial_: only an argument that is a function"),
    ("data._partial_=true", "data._partial_: only an argument that is a function"),
    ("data.augment._partial_=true", "data.augment._partial_: only an argument"),
    ("~trainer.epochs", "trainer.epochs: must be given"),
    ("~seed", "seed: must be given"),
    ("optim.lr=inf", "optim: rates and decays must be finite, got lr=inf"),
    ("optim.weight_decay=inf", "got weight_decay=inf"),
    ("data.split_seed=-1", "greater than or equal to 0"),
    ("probe.sparsity.epsilom=1", "did you mean 'epsilon'"),
    ("grad_clip.max_norm=1", "grad_clip.max_norm"),
    ("hydra.job.chdir=true", "hydra.job.chdir"),
    ("hydra.callbacks.x._target_=os.system", "hydra.callbacks"),
    ("+hydra.callbacks={x: {_target_: os.system}}", "hydra.callbacks"),
    ("hydra.launcher._target_=os.system", "hydra.launcher._target_"),
    ("hydra.job_logging.handlers.file.filename=x", "hydra.job_logging"),
    ("hydra/launcher=ray", "pip install 'clipbench[ray]'"),
    ("clip=relu,prelu", "add -m"),
    ("clip=[", "clip=["),
    ("~model", "model"),
    ("experiment=smoky", "did you mean 'smoke'"),
]


def faults(*overrides: str, multirun: bool = False) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        compose(list(overrides), multirun=multirun)
    return caught.value.faults


@pytest.mark.parametrize(("typed", "named"), WRONG, ids=[typed for typed, _ in WRONG])
def test_each_wrong_form_is_named(typed, named):
    extra = ["clip=learnable"] if typed.startswith(("clip.", "+clip", "++clip")) else []
    found = faults(*extra, typed)
    assert any(named in fault for fault in found), found
    assert not any("+" + typed in fault for fault in found), "never advise a plus sign"


def test_all_faults_come_at_once():
    found = faults(
        "clip=learnable", "clip.inti=1", "trainer.epochs=0", "modle=cnn", "optim.lr=x", "seed=-1",
        "data=mnits",
    )  # fmt: skip
    assert len(found) == 6, found


def test_faults_of_a_sweep_are_found_before_its_first_job():
    found = faults("clip=relu,lernable", "trainer.epochs=1,0", multirun=True)
    assert any("lernable" in fault for fault in found)
    assert any("trainer.epochs" in fault for fault in found)


@pytest.mark.parametrize(
    "typed",
    [
        ["clip=learnable", "clip.init=1"],
        ["clip=learnable", "clip.init=percentile:99", "clip.per=channel"],
        ["clip=learnable", "+clip.init=0.5"],
        ["clip=fixed", "clip.min=null", "clip.max=6"],
        ["grad_clip=norm", "grad_clip.norm_type=inf"],
        ["grad_clip=value", "grad_clip.clip_value=0.1"],
        ["grad_clip=agc", "grad_clip.exclude_head=false"],
        ["grad_clip=autoclip", "grad_clip.percentile=90"],
        ["grad_clip=zclip", "grad_clip.max_norm=1.0"],
        ["model=mlp", "model.widths=[8,8]", "model.dropout=0.1"],
        ["clip=masked", "clip.mask=channels", "clip.channels=[0,1]"],
        ["data=cifar10", "data.augment=null"],
        ["data=cifar10", "data.augment.cutout=8"],
        ["probe=[sparsity]"],
        ["probe=[]"],
        ["experiment=smoke"],
        ["hydra.run.dir=/tmp/x"],
        ["trainer.device=cuda:1"],
    ],
    ids=" ".join,
)
def test_what_is_right_passes(typed):
    assert len(compose(typed).jobs) == 1


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        (["regularizer=l3"], "did you mean 'l1'"),
        (["regularizer=l1", "regularizer.strenght=1"], "did you mean 'strength'"),
        (["regularizer=l1", "regularizer.strength=0"], "greater than 0"),
        (["regularizer=l1", "regularizer.start=1"], "less than 1"),
        (["regularizer=l1", "regularizer.strength=inf"], "regularizer: L1 needs a finite strength"),
        (["regularizer=l0_ste", "regularizer.target=0"], "greater than 0"),
        (["regularizer._target_=clipbench.clips.relu.ReLU"], "not in clipbench.regularizers"),
        (["regularizer._target_=clipbench.regularizers.ramp.ramp"], "regularizer"),
        (["clip=relu", "regularizer=threshold_l2"], "ThresholdL2 needs a learned threshold"),
        (["clip=learnable", "regularizer=l0_ste"], "L0StraightThrough needs a gate"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_regularizer_that_is_wrong_or_cannot_act_is_refused(typed, named):
    found = faults(*typed)
    assert any(named in fault for fault in found), found


def test_a_regularizer_that_can_act_passes():
    for clip, regularizer in (("learnable", "threshold_l2"), ("sigmoid_gate_st", "l0_ste")):
        typed = [f"clip={clip}", f"regularizer={regularizer}", "regularizer.full=0.5"]
        assert len(compose(typed).jobs) == 1


MASK = "clip.mask={{_target_: clipbench.clips.masks.{}}}"


@pytest.mark.parametrize(
    ("mask", "named"),
    [
        ("positive", "clip.mask.x: must be given, or left to the caller by _partial_: true"),
        ("positive, _partial_: 3", "clip.mask._partial_: should be true or false, got 3"),
        ("outlier, _partial_: true, kk: 3", "did you mean 'k'"),
        ("outlier, _partial_: true, k: many", "clip.mask.k"),
        ("nothing, _partial_: true", "cannot be imported"),
    ],
)
def test_a_function_as_argument_is_checked_like_a_choice(mask, named):
    found = faults("clip=masked", MASK.format(mask))
    assert any(named in fault for fault in found), found


def test_a_function_as_argument_may_leave_the_rest_to_its_caller():
    assert compose(["clip=masked", MASK.format("outlier, _partial_: true, k: 2.5")]).jobs


def test_annotations_for_a_type_checker_only_are_not_needed_for_the_names(tmp_path, monkeypatch):
    (tmp_path / "mypkg_typed.py").write_text(
        "from __future__ import annotations\nfrom typing import TYPE_CHECKING\n\n"
        "if TYPE_CHECKING:\n    from torch import Tensor\n\n\n"
        "def big(x: Tensor, *, at: float = 1.0) -> Tensor:\n    return x > at\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    mask = "clip.mask={{_target_: mypkg_typed.big, _partial_: true, {}: 2}}"
    assert compose(["clip=masked", mask.format("at"), "trust=[mypkg_typed]"]).jobs
    (fault,) = faults("clip=masked", mask.format("att"), "trust=[mypkg_typed]")
    assert "did you mean 'at'" in fault


def test_a_module_that_is_no_clip_would_not_be_measured_and_is_refused(tmp_path, monkeypatch):
    (tmp_path / "mypkg_module.py").write_text(
        "import torch\n\n\nclass Plain(torch.nn.Module):\n"
        "    def __init__(self, *, num_features: int | None = None) -> None:\n"
        "        super().__init__()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    (fault,) = faults("clip._target_=mypkg_module.Plain", "trust=[mypkg_module]")
    assert fault == "clip: 'mypkg_module.Plain' is not a Clip"


def test_gradient_is_an_arm_of_the_clip_group():
    config = compose(["clip=gradient", "grad_clip.max_norm=0.5"]).jobs[0].config
    assert config["clip"]["_target_"] == "clipbench.clips.relu.ReLU"
    assert config["grad_clip"]["_target_"] == "clipbench.grad_clips.norm.ByNorm"
    assert config["grad_clip"]["max_norm"] == 0.5


def test_the_settings_of_a_gradient_clip_are_checked():
    (fault,) = faults("grad_clip=zclip", "grad_clip.alpha=1")
    assert "grad_clip.alpha: should be less than 1" in fault
    (fault,) = faults("grad_clip=autoclip", "grad_clip.percentile=101")
    assert "grad_clip.percentile: should be less than or equal to 100" in fault
    (fault,) = faults("grad_clip=agc", "grad_clip.cliping=0.1")
    assert "did you mean 'clipping'" in fault


def test_a_data_set_says_its_budget_and_the_command_line_has_the_last_word():
    assert compose(["data=mnist"]).jobs[0].config["trainer"]["epochs"] == 3
    assert compose(["data=mnist", "trainer.epochs=9"]).jobs[0].config["trainer"]["epochs"] == 9


def test_trust_is_not_taken_from_a_file(tmp_path):
    (tmp_path / "clip").mkdir()
    (tmp_path / "clip" / "evil.yaml").write_text(
        "# @package _global_\ntrust: [mypkg]\nclip: {_target_: mypkg.Clip}\n"
    )
    with pytest.raises(ConfigError, match="trust"):
        compose(["clip=evil"], config_dir=str(tmp_path))


@pytest.mark.parametrize("content", [b"a: [\n\tb", b"\xff\xfe\x00", b"- a\n- b\n"], ids=repr)
def test_a_broken_file_of_ones_own_is_a_clear_error(tmp_path, content):
    (tmp_path / "clip").mkdir()
    (tmp_path / "clip" / "broken.yaml").write_bytes(content)
    with pytest.raises(ConfigError):
        compose(["clip=broken"], config_dir=str(tmp_path))


@pytest.mark.parametrize(
    "flags",
    [["--config-name", "x"], ["--config-path", "x"], ["--experimental-rerun", "x"]],
    ids=str,
)
def test_flags_that_would_bypass_the_check_are_refused(flags):
    from clipbench.cli.flags import parse_arguments

    with pytest.raises(ConfigError, match="use "):
        parse_arguments(flags)


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--multrun"], "--multrun: no such flag; did you mean '--multirun'?"),
        (["--cfg", "job", "-m"], "--multirun and --cfg: only one of them at a time"),
        (["--resolve"], "--resolve: goes with --cfg"),
        (["--package", "clip"], "--package: goes with --cfg"),
        (["--info", "--cfg", "job"], "--cfg and --info: only one of them at a time"),
    ],
    ids=str,
)
def test_flags_that_are_wrong_are_named(flags, named):
    from clipbench.cli.flags import parse_arguments

    with pytest.raises(ConfigError) as caught:
        parse_arguments(["clip=relu", *flags])
    assert caught.value.faults == [named]


def test_a_wrong_value_of_a_flag_takes_two_lines(capsys):
    from clipbench.cli.flags import parse_arguments

    with pytest.raises(SystemExit, match="2"):
        parse_arguments(["--cfg", "jbo"])
    usage, error = capsys.readouterr().err.splitlines()
    assert usage.startswith("usage: clipbench train ")
    assert "invalid choice: 'jbo'" in error


def test_a_wrong_word_exits_2_and_leaves_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "clipbench.cli.main", "train", "clip=lernable", "data=mnist"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "learnable" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
