"""The list of a sweep's jobs: comes back as it was written, or is refused."""

import json
import math

import pytest

from clipbench.records.json_text import sha256
from clipbench.records.reading import RunError
from clipbench.records.sweep_file import SWEEP_FILE, PlannedJob, read_sweep, write_sweep

JOBS = [
    PlannedJob("clip=relu/seed=0", ("clip=relu",), {"clip": {"max": math.inf}, "seed": 0}, (0,)),
    PlannedJob("clip=silu", ("clip=silu",), {"seed": 3}, (3, 4), done=True),
]


def test_jobs_come_back(tmp_path):
    written = write_sweep(tmp_path, JOBS, settings={"timeout": None, "rerun": ["diverged"]})
    assert read_sweep(tmp_path) == written
    assert written.jobs == tuple(JOBS)


def test_run_directories_follow_from_the_seeds():
    assert JOBS[0].runs() == {0: "clip=relu/seed=0"}
    assert JOBS[1].runs() == {3: "clip=silu/seed=3", 4: "clip=silu/seed=4"}
    assert JOBS[1].config_of(4) == {"seed": 4}


def test_damage_is_refused(tmp_path):
    write_sweep(tmp_path, JOBS, settings={})
    whole = (tmp_path / SWEEP_FILE).read_bytes()
    for place in range(0, len(whole), 7):
        damaged = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        (tmp_path / SWEEP_FILE).write_bytes(damaged)
        with pytest.raises(RunError):
            read_sweep(tmp_path)
    (tmp_path / SWEEP_FILE).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RunError):
        read_sweep(tmp_path)


@pytest.mark.parametrize("folder", ["../../outside", "/etc"])
def test_a_folder_outside_the_sweep_is_refused(tmp_path, folder):
    write_sweep(tmp_path, JOBS, settings={})
    document = json.loads((tmp_path / SWEEP_FILE).read_text())
    document["jobs"][0]["folder"] = folder
    del document["digest"]
    document["digest"] = sha256(document)
    (tmp_path / SWEEP_FILE).write_text(json.dumps(document))
    with pytest.raises(RunError):
        read_sweep(tmp_path)


def test_no_file_is_an_error(tmp_path):
    with pytest.raises(RunError):
        read_sweep(tmp_path)
