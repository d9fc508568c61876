import pytest

from clipbench.cli.conf_dir import conf_dir, option_names
from clipbench.cli.ls import GROUPS, main, read_choice


@pytest.mark.parametrize("what", GROUPS)
def test_every_option_has_one_line_of_help(what, capsys):
    assert main([what]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = option_names(conf_dir(), GROUPS[what])
    assert [line.split()[0] for line in lines] == names
    assert all(len(line.split()) > 2 for line in lines), lines


@pytest.mark.parametrize(
    ("what", "name"),
    [(what, name) for what in GROUPS for name in option_names(conf_dir(), GROUPS[what])],
)
def test_the_page_of_an_option_shows_its_keys(what, name, capsys):
    assert main([what, name]) == 0
    shown = capsys.readouterr().out
    for key in read_choice(GROUPS[what], name).keys:
        assert f"  {key}:" in shown


@pytest.mark.parametrize(
    ("words", "hint"), [(["clip"], "'clips'"), (["clips", "lernable"], "'learnable'")]
)
def test_a_wrong_word_is_answered_with_the_nearest(words, hint, capsys):
    assert main(words) == 2
    assert hint in capsys.readouterr().err
