"""Slots bound how many jobs run at a time, and spread them over GPUs; tried without one."""

import threading

import pytest

from clipbench.cli.sweeps import slots
from clipbench.cli.sweeps.slots import slot, visible_gpus

SETTINGS = {"jobs_at_once": None, "jobs_per_gpu": 1}


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, GPU-ab")


def test_the_variable_names_the_gpus(two_gpus):
    assert visible_gpus() == ["3", "GPU-ab"]


@pytest.mark.parametrize("value", ["", " "])
def test_an_empty_variable_hides_them_all(monkeypatch, value):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert visible_gpus() == []


def test_without_the_variable_the_cards_are_counted(monkeypatch, tmp_path):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(slots, "_CARDS", tmp_path / "none")
    assert visible_gpus() == []
    for card in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / "cards" / card).mkdir(parents=True)
    monkeypatch.setattr(slots, "_CARDS", tmp_path / "cards")
    assert visible_gpus() == ["0", "1"]


def test_jobs_spread_over_gpus_before_they_share_one(tmp_path, two_gpus):
    settings = {**SETTINGS, "jobs_per_gpu": 2}
    with (
        slot(tmp_path, settings=settings, device="auto") as a,
        slot(tmp_path, settings=settings, device="cuda") as b,
        slot(tmp_path, settings=settings, device="auto") as c,
        slot(tmp_path, settings=settings, device="auto") as d,
    ):
        assert [a, b, c, d] == ["3", "GPU-ab", "3", "GPU-ab"]
    with slot(tmp_path, settings=settings, device="auto") as again:
        assert again == "3", "free again"


@pytest.mark.parametrize("device", ["cpu", "cuda:1", "mps"])
def test_a_job_that_names_its_device_gets_no_slot(tmp_path, two_gpus, device):
    with slot(tmp_path, settings=SETTINGS, device=device) as gpu:
        assert gpu is None
    assert list(tmp_path.iterdir()) == []


def test_who_comes_too_late_waits(tmp_path, two_gpus):
    settings = {"jobs_at_once": 1, "jobs_per_gpu": 1}
    entered = threading.Event()

    def enter():
        with slot(tmp_path, settings=settings, device="cpu"):
            entered.set()

    late = threading.Thread(target=enter)
    with slot(tmp_path, settings=settings, device="cpu"):
        late.start()
        assert not entered.wait(0.5)
    assert entered.wait(10)
    late.join()
