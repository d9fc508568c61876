"""Whole runs, small but real: what kept their thresholds from learning, and damage on the way."""

import shutil
from pathlib import Path

import pytest

from clipbench.audit.finding import convicted
from clipbench.audit.run import audit_run, why_still
from clipbench.cli.main import main
from clipbench.records.journal import Journal, read
from clipbench.records.reading import RunError

RUNS = {
    "healthy": ["clip=learnable"],
    "published": ["clip=published_sigmoid"],
    "far": ["clip=learnable", "clip.init=100"],
    "decayed": ["clip=prelu", "optim.threshold_weight_decay=20"],
    "held": ["clip=learnable", "clip.init=2e-3", "clip.per=channel"],
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Give a function that trains a run once and returns its folder."""
    home = tmp_path_factory.mktemp("runs")

    def run(name: str) -> Path:
        folder = home / name
        if not folder.exists():
            words = ["train", "experiment=smoke", "trainer.device=cpu", "trainer.log_every=2"]
            assert main([*words, *RUNS[name], f"hydra.run.dir={folder}"]) == 0
        return folder

    return run


@pytest.fixture
def copied(runs, tmp_path):
    """Give the healthy run anew, to be damaged."""
    return Path(shutil.copytree(runs("healthy"), tmp_path / "run"))


def rewrite(folder: Path, change) -> None:
    """Write the journal again with the scalars that ``change`` gives for each record's."""
    records, _ = read(folder / "metrics.jsonl")
    (folder / "metrics.jsonl").unlink()
    with Journal(folder / "metrics.jsonl") as journal:
        for record in records:
            scalars = change(dict(record["scalars"]))
            journal.write(step=record["step"], epoch=record["epoch"], scalars=scalars)


def test_a_healthy_run_is_clean(runs):
    assert audit_run(runs("healthy")) == []
    assert why_still(runs("healthy")) == {}


@pytest.mark.parametrize(
    ("name", "subjects", "reason"),
    [
        ("published", ["fc1/lower", "fc2/lower"], "no gradient reaches it"),
        ("far", ["fc1/upper", "fc2/upper"], "zero in all"),
        ("decayed", ["fc1/slope", "fc2/slope"], "decay pulls it to 0"),
    ],
)
def test_each_way_to_be_kept_from_learning_is_convicted(runs, name, subjects, reason):
    findings = audit_run(runs(name))
    guilty = [finding for finding in findings if finding.convicts]
    assert [finding.subject for finding in guilty] == subjects
    assert all(reason in finding.reason for finding in guilty)
    assert why_still(runs(name)) == {finding.subject: finding.reason for finding in guilty}


def test_what_convicts_comes_first_of_each_threshold(runs):
    findings = audit_run(runs("decayed"))
    assert [(finding.subject, finding.convicts) for finding in findings] == [
        ("fc1/slope", True), ("fc1/slope", False), ("fc2/slope", True), ("fc2/slope", False),
    ]  # fmt: skip


def test_an_empty_window_is_named(runs):
    assert all("gradient window empty" in finding.reason for finding in audit_run(runs("far")))


def test_channels_at_an_end_of_their_domain_are_counted(runs):
    findings = audit_run(runs("held"))
    assert not convicted(findings)
    assert {finding.reason.split(" in ")[0] for finding in findings} == {
        "it was at an end of its domain"
    }


def test_a_standstill_that_nothing_explains_is_convicted(copied):
    rewrite(copied, lambda scalars: {**scalars, "threshold/fc1/upper": 1.0})
    (finding,) = audit_run(copied)
    assert finding.convicts
    assert finding.subject == "fc1/upper"
    assert "it stood at 1 through" in finding.reason


def test_a_run_without_a_checkpoint_is_judged_by_its_journal(runs, tmp_path):
    for name in ("healthy", "published"):
        folder = Path(shutil.copytree(runs(name), tmp_path / name))
        shutil.rmtree(folder / "checkpoints")
        assert audit_run(folder) == audit_run(runs(name))


def test_a_damaged_checkpoint_is_an_error(copied):
    for checkpoint in (copied / "checkpoints").glob("*.pt"):
        checkpoint.write_bytes(b"nothing")
    with pytest.raises(RunError, match="checkpoint cannot be read"):
        audit_run(copied)


def test_a_journal_without_a_training_step_is_an_error(copied):
    rewrite(copied, lambda scalars: {"val/loss": 1.0})
    with pytest.raises(RunError, match="no record of a training step"):
        audit_run(copied)


@pytest.mark.parametrize("lost", ["run.json", "metrics.jsonl"])
def test_a_missing_record_is_an_error(copied, lost):
    (copied / lost).unlink()
    with pytest.raises(RunError, match=lost):
        audit_run(copied)


def test_a_class_of_ones_own_needs_trust(tmp_path, monkeypatch):
    (tmp_path / "mypkg_bend.py").write_text(
        "import torch\nfrom clipbench.clips.base import Clip\n\n\nclass Bend(Clip):\n"
        '    """A slope kept under another name, and a shift that is no parameter."""\n\n'
        "    def __init__(self, *, num_features: int | None = None) -> None:\n"
        "        super().__init__(num_features=num_features)\n"
        "        self.log_slope = torch.nn.Parameter(torch.zeros(()))\n"
        "        self.shift = torch.zeros((), requires_grad=True)\n\n"
        "    def forward(self, x: torch.Tensor) -> torch.Tensor:\n"
        "        return torch.relu(x) * self.log_slope.exp() + self.shift\n\n"
        "    def thresholds(self) -> dict[str, torch.Tensor]:\n"
        '        return {"slope": self.log_slope.exp(), "shift": self.shift}\n'
    )
    (tmp_path / "myconf" / "clip").mkdir(parents=True)
    (tmp_path / "myconf" / "clip" / "bend.yaml").write_text("_target_: mypkg_bend.Bend\n")
    monkeypatch.syspath_prepend(tmp_path)
    own = ["clip=bend", "trust=[mypkg_bend]", "--config-dir", str(tmp_path / "myconf")]
    folder = tmp_path / "run"
    words = ["train", "experiment=smoke", "trainer.device=cpu", f"hydra.run.dir={folder}"]
    assert main([*words, *own]) == 0
    with pytest.raises(RunError, match="trust"):
        audit_run(folder)
    findings = audit_run(folder, trust=["mypkg_bend"])
    assert {(finding.subject, finding.convicts) for finding in findings} == {
        ("fc1/shift", True), ("fc2/shift", True), ("fc1/slope", False), ("fc2/slope", False),
    }  # fmt: skip
    said = {finding.subject: finding.reason for finding in findings}
    assert "no registered parameter" in said["fc1/shift"]
    assert "is not recorded" in said["fc1/slope"]
