"""What is composed once for many jobs is what Hydra would compose for each."""

import pytest
from hydra.types import RunMode
from omegaconf import OmegaConf

from clipbench.cli.compose import compose
from clipbench.cli.errors import ConfigError
from clipbench.cli.loader import CONFIG_NAME, open_loader

LINES = [
    ["clip=learnable", "clip.init=0.5", "seed=3"],
    ["experiment=smoke", "clip=prelu", "trainer.epochs=7", "optim.lr=0.25"],
    ["clip=gradient", "grad_clip.max_norm=2.0"],
    ["data=cifar10", "data.augment.cutout=8", "model=resnet20"],
    ["data=cifar10", "data.augment=null"],
    ["probe=[sparsity,saturation]", "probe.sparsity.epsilon=0.5"],
    ["model=mlp", "model.widths=[4,4]", "schedule=step", "optim=sgd"],
]


def by_hydra(line: list[str]) -> dict:
    with open_loader(None) as loader:
        config = loader.load_configuration(CONFIG_NAME, line, RunMode.RUN, from_shell=False)
    plain = OmegaConf.to_container(
        OmegaConf.masked_copy(config, [key for key in config if key not in ("hydra", "sweep")]),
        resolve=True,
    )
    assert isinstance(plain, dict)
    return plain


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_a_job_is_what_hydra_composes(line):
    # Twice: the second time from what is kept of the first.
    again = compose([*line, "name=a,a"], multirun=True).jobs
    for job in again:
        assert {**job.config, "name": None} == by_hydra(line)


def test_jobs_of_one_sweep_do_not_share_values():
    first, second = compose(["optim.lr=0.1,0.2", "model.widths=[4,4]"], multirun=True).jobs
    assert (first.config["optim"]["lr"], second.config["optim"]["lr"]) == (0.1, 0.2)
    first.config["model"]["widths"].append(9)
    assert second.config["model"]["widths"] == [4, 4]


def test_a_bad_point_is_named_among_good_ones():
    with pytest.raises(ConfigError) as caught:
        compose(["clip=relu,reluu", "seed=0,1"], multirun=True)
    (fault,) = caught.value.faults
    assert "did you mean 'relu'" in fault
    assert "clip=reluu seed=0 and 1 more" in fault


def test_the_good_ones_can_run_without_it():
    words = ["clip=relu,reluu,learnable", "clip.init=-1,1", "sweep.skip_invalid=true"]
    found = compose(words, multirun=True)
    assert [job.overrides[:2] for job in found.jobs] == [("clip=learnable", "clip.init=1")]
    assert len(found.refused) == 5
    assert all(job.faults for job in found.refused)


def test_what_a_part_refuses_is_skipped_as_well():
    words = ["clip=fixed", "clip.min=0,9", "clip.max=6", "sweep.skip_invalid=true"]
    found = compose(words, multirun=True)
    assert len(found.jobs) == 1
    assert "fixed" in found.refused[0].faults[0].lower()


def test_nothing_good_is_an_error_even_so():
    with pytest.raises(ConfigError):
        compose(["clip=reluu", "sweep.skip_invalid=true"], multirun=True)


def test_a_sweep_in_an_experiment_makes_a_sweep(tmp_path):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "study.yaml").write_text(
        "# @package _global_\ndefaults:\n  - override /data: synthetic\n"
        "sweep:\n  points:\n    - {clip: relu, optim.lr: 1e-2}\n    - {clip: silu}\n"
        "  params: {seed: 'range(0,2)'}\n"
    )
    found = compose(["experiment=study"], config_dir=str(tmp_path))
    assert found.multirun
    assert len(found.jobs) == 4
    assert found.jobs[0].config["optim"]["lr"] == 0.01
    assert all("sweep" not in job.config for job in found.jobs)
    typed = compose(["experiment=study", "seed=5"], config_dir=str(tmp_path))
    assert [job.config["seed"] for job in typed.jobs] == [5, 5], "what is typed comes first"


def test_a_plain_run_takes_no_keys_of_a_sweep():
    with pytest.raises(ConfigError) as caught:
        compose(["sweep.timeout=3"])
    assert "add -m" in caught.value.faults[0]
