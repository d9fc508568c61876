"""``clipbench audit``: which clips it convicts, with which words and which exit code."""

from __future__ import annotations

import json
import re

import pytest

from clipbench.cli.conf_dir import conf_dir, option_names
from clipbench.cli.main import main

SPECIMENS = ["published_mask", "published_sigmoid"]
OWN = """
import torch
from torch import nn


class Capped(nn.Module):
    def __init__(self, *, cap: float = 2.0):
        super().__init__()
        self.cap = nn.Parameter(torch.tensor(cap))

    def forward(self, x):
        return torch.minimum(x, self.cap)


class Gated(Capped):
    def forward(self, x):
        return x * (torch.sign(x - self.cap) + 1) / 2


class Stacks(Capped):
    def forward(self, x):
        return torch.cat([x, x], dim=1)


class Fails(Capped):
    def forward(self, x):
        raise KeyError("mine")


class Number:
    pass
"""


@pytest.fixture
def own_package(tmp_path, monkeypatch):
    (tmp_path / "ownpkg.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    return "ownpkg"


def test_a_bare_audit_lists_every_clip_and_is_not_failed_by_the_specimens(capsys):
    assert main(["audit"]) == 0
    out = capsys.readouterr().out
    rows = {line.split()[0]: line.split()[1] for line in out.splitlines()[1:] if line.strip()}
    assert rows.keys() >= set(option_names(conf_dir(), "clip"))
    assert [name for name, verdict in rows.items() if verdict == "NO_GRADIENT"] == SPECIMENS
    assert f"specimens, shipped to be convicted: {', '.join(SPECIMENS)}" in out


@pytest.mark.parametrize("name", SPECIMENS)
def test_a_specimen_that_is_named_is_convicted(name, capsys):
    assert main(["audit", f"clip={name}"]) == 1
    out = capsys.readouterr().out
    assert "NO_GRADIENT, as declared" in out
    assert "cannot learn: no gradient reaches it: it only feeds a comparison" in out


def test_a_clip_with_settings_is_audited_as_it_would_train(capsys):
    assert main(["audit", "clip=pact", "clip.bits=4", "clip.init=10"]) == 0
    out = capsys.readouterr().out
    assert "SURROGATE, as declared" in out
    assert "upper under softplus: value 10" in out
    assert "findings        none" in out


def test_a_module_of_ones_own_is_audited_by_its_path(own_package, capsys):
    assert main(["audit", f"target={own_package}.Capped", f"trust=[{own_package}]", "cap=1.5"]) == 0
    assert "verdict         EXACT\n" in capsys.readouterr().out
    assert main(["audit", f"target={own_package}.Gated", f"trust=[{own_package}]"]) == 1
    assert "ZERO_ALMOST_EVERYWHERE" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["clip=learnabel"], "did you mean 'learnable'?"),
        (["clip=learnable", "clip.initt=1"], "did you mean 'init'?"),
        (["model=cnn"], "model: audit takes clip, clip.KEY and trust"),
        (["target=ownpkg.Capped"], "lies outside clipbench; name its package in trust=[ownpkg]"),
        (["target=ownpkg.Capped", "trust=[ownpkg]", "cpa=1"], "did you mean 'cap'?"),
        (["target=ownpkg.Number", "trust=[ownpkg]"], "makes no torch module"),
        (["target=ownpkg.Stacks", "trust=[ownpkg]"], "gives (16, 128) for (16, 64), not its shape"),
        (["target=ownpkg.Fails", "trust=[ownpkg]"], "refuses inputs (N, 64): KeyError: 'mine'"),
        (["sweep/clip=relu/seed=0", "trust=ownpkg"], "trust: must be a list such as [mypkg]"),
        (["target=clipbench.models.mlp.MLP"], "is not in clipbench.clips"),
    ],
)
def test_a_wrong_word_exits_2_with_the_right_one(words, answer, own_package, capsys):
    assert main(["audit", *words]) == 2
    assert answer in capsys.readouterr().err


def test_what_is_no_run_exits_4(tmp_path, capsys):
    assert main(["audit", str(tmp_path)]) == 4
    assert str(tmp_path) in capsys.readouterr().err


def test_a_run_says_before_it_starts_and_after_it_ends_that_it_cannot_learn(tmp_path, capsys):
    run = tmp_path / "run"
    words = ["train", "experiment=smoke", "clip=published_sigmoid", f"hydra.run.dir={run}"]
    assert main(words) == 0
    captured = capsys.readouterr()
    assert "lower: cannot learn: no gradient reaches it" in captured.err
    assert "did not move: no gradient reaches it" in captured.out
    recorded = json.loads((run / "run.json").read_text())["audit"]
    assert recorded == {"verdict": "NO_GRADIENT", "parameters": {"lower": "NO_GRADIENT"}}
    assert main(["audit", str(run)]) == 1
    assert "fc1/lower: cannot learn: no gradient reaches it" in capsys.readouterr().out


def test_a_run_that_learned_is_acquitted(tmp_path, capsys):
    run = tmp_path / "clip=learnable"
    words = ["train", "experiment=smoke", "clip=learnable", f"hydra.run.dir='{run}'"]
    assert main(words) == 0
    assert "did not move" not in capsys.readouterr().out
    assert main(["audit", str(run)]) == 0
    out = capsys.readouterr().out
    assert "cannot learn" not in out
    assert re.search(r"^fc1/upper +1 -> \S+, moved \S+ of \S+ its rates allow$", out, re.MULTILINE)
    assert re.search(r"rate 0.005, decay 0; window \S+ %; gradient in (\d+) of \1 samples", out)


def test_a_run_of_fixed_clips_has_nothing_to_learn(tmp_path, capsys):
    run = tmp_path / "run"
    assert main(["train", "experiment=smoke", "clip=relu", f"hydra.run.dir={run}"]) == 0
    capsys.readouterr()
    assert main(["audit", str(run)]) == 0
    assert capsys.readouterr().out == f"{run}: nothing to learn\n"


def test_a_clip_that_learns_without_a_threshold_is_not_said_to_learn_nothing(tmp_path, capsys):
    run = tmp_path / "run"
    assert main(["train", "experiment=smoke", "clip=drsn", f"hydra.run.dir={run}"]) == 0
    capsys.readouterr()
    assert main(["audit", str(run)]) == 0
    out = capsys.readouterr().out
    assert "nothing to learn" not in out
    line = r"^fc1/excite\.weight +no threshold to follow; rate 0.005, decay 0\.1$"
    assert re.search(line, out, re.MULTILINE)
    assert out.endswith("no finding\n")


def test_ties_of_a_module_of_ones_own_are_those_at_its_parameters(own_package, capsys):
    assert main(["audit", f"target={own_package}.Capped", f"trust=[{own_package}]", "cap=1.5"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    # torch.minimum gives each side half.
    assert ["1.5", "x", "1", "0.5", "0"] in rows
    assert ["1.5", "cap", "0", "0.5", "1"] in rows
    assert not any(row[0] == "-1.5" for row in rows if row)


def test_a_folder_of_ones_own_needs_the_name_of_a_clip(tmp_path, capsys):
    assert main(["audit", "--config-dir", str(tmp_path)]) == 2
    assert "--config-dir: name a clip of that folder too" in capsys.readouterr().err
