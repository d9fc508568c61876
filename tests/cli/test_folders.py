from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipbench.cli.folders import MAX_LENGTH, job_folder, overrides_name

keys = st.sampled_from(["clip", "optim.lr", "++clip.init", "data.root", "name", "model.widths"])
overrides = st.lists(st.builds(lambda key, value: f"{key}={value}", keys, st.text()), max_size=5)


@given(overrides)
def test_a_name_is_one_safe_path_part(words):
    name = overrides_name(words)
    assert len(PurePosixPath(name).parts) == 1
    assert name not in (".", "..")
    assert name.isascii()
    assert name.isprintable()
    assert 0 < len(name) <= MAX_LENGTH + 9


@given(st.text(), st.text())
def test_different_overrides_get_different_names(one, other):
    same = overrides_name([f"clip.init={one}"]) == overrides_name([f"clip.init={other}"])
    assert same == (one == other)


@pytest.mark.parametrize(
    ("words", "seed", "num_seeds", "folder"),
    [
        (["clip=learnable", "model=cnn", "seed=3"], 3, 1, "clip=learnable,model=cnn/seed=3"),
        (["++clip.init=0.5"], 0, 1, "clip.init=0.5/seed=0"),
        (["clip=relu", "num_seeds=3"], 0, 3, "clip=relu"),
        ([], 0, 1, "defaults/seed=0"),
        (["clip=relu", "trainer.device=cpu", "name=x", "trust=[a]"], 0, 1, "clip=relu/seed=0"),
    ],
)
def test_folders_carry_meaning(words, seed, num_seeds, folder):
    assert job_folder(words, seed, num_seeds) == folder
