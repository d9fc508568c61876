"""No file of options grows beyond measure when it is read."""

import time

import pytest

from clipbench.cli.compose import compose
from clipbench.cli.errors import ConfigError
from clipbench.cli.option_files import nodes

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefg", "bcdefgh", strict=True)
)


def test_an_alias_counts_as_what_it_repeats():
    assert nodes(b"a: [1, 2]", most=100) == 5
    assert nodes(b"a: &a [1, 2]\nb: *a", most=100) == 9
    assert nodes(b"a: &a 1\nb: *a", most=100) == 5
    assert nodes(BOMB.encode(), most=1000) < 10_000, "it stops when it knows enough"


def test_a_bomb_of_aliases_is_refused_at_once(tmp_path):
    (tmp_path / "clip").mkdir()
    (tmp_path / "clip" / "bomb.yaml").write_text(BOMB)
    start = time.monotonic()
    with pytest.raises(ConfigError, match="bomb.yaml: has more than 10000 nodes"):
        compose(["clip=bomb"], config_dir=str(tmp_path))
    with pytest.raises(ConfigError, match="bomb.yaml: has more than 10000 nodes"):
        compose(["clip=bomb", f"hydra.searchpath=[file://{tmp_path}]"])
    assert time.monotonic() - start < 5


def test_a_large_file_is_refused_and_a_broken_one_left_to_hydra(tmp_path):
    (tmp_path / "large.yaml").write_text("# " + "x" * 2**20)
    with pytest.raises(ConfigError, match="large.yaml"):
        compose([], config_dir=str(tmp_path))
    (tmp_path / "large.yaml").write_text("a: [")
    assert len(compose(["experiment=smoke"], config_dir=str(tmp_path)).jobs) == 1
