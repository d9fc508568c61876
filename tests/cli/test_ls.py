from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from inspect import isclass
from typing import Annotated, Literal, get_args, get_origin, get_type_hints

import pytest
from annotated_types import Ge, Gt, Le, Lt

from clipbench.cli.conf_dir import conf_dir, option_names
from clipbench.cli.ls import GROUPS, main, read_choice

OPTIONS = [(what, name) for what in GROUPS for name in option_names(conf_dir(), GROUPS[what])]
CLIPS = option_names(conf_dir(), "clip")


@pytest.fixture
def page(capsys):
    def shown(what, name):
        assert main([what, name]) == 0
        return capsys.readouterr().out

    return shown


def target_of(what, name):
    """Import what the option names; None where it names nothing."""
    target = read_choice(GROUPS[what], name).target
    if target is None:
        return None
    module, _, attribute = target.rpartition(".")
    return getattr(import_module(module), attribute)


def hints_of(target):
    dataclass = hasattr(target, "__dataclass_fields__")
    function = target.__init__ if isclass(target) and not dataclass else target
    return get_type_hints(function, include_extras=True)


def words_of(hint):
    """Give what must stand beside a key of this type."""
    if get_origin(hint) is Literal:
        return [*map(str, get_args(hint))]
    if get_origin(hint) is Annotated:
        first, *marks = get_args(hint)
        signs = {Gt: ("> ", "gt"), Ge: (">= ", "ge"), Lt: ("< ", "lt"), Le: ("<= ", "le")}
        bounds = [signs[type(m)] + (m,) for m in marks if type(m) in signs]
        return [*words_of(first), *(f"{sign}{getattr(m, name)}" for sign, name, m in bounds)]
    if hint in (float, int, bool, type(None)):
        return [{float: "number", int: "integer", bool: "true | false"}.get(hint, "null")]
    return [word for part in get_args(hint) for word in words_of(part)]


@pytest.mark.parametrize("what", GROUPS)
def test_every_option_has_one_line_of_help(what, capsys):
    assert main([what]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = option_names(conf_dir(), GROUPS[what])
    assert [line.split()[0] for line in lines] == names
    assert all(len(line.split()) > 2 for line in lines), lines


@pytest.mark.parametrize(("what", "name"), OPTIONS)
def test_the_page_of_an_option_shows_its_keys_and_what_they_may_be(what, name, page):
    lines, target = page(what, name).splitlines(), target_of(what, name)
    hints = {} if target is None else hints_of(target)
    for key in read_choice(GROUPS[what], name).keys:
        (line,) = [line for line in lines if line.startswith(f"  {key}: ")]
        note = line.partition("  # ")[2].replace(",", "").split()
        for words in words_of(hints[key]) if key in hints else []:
            assert f" {words} " in f" {' '.join(note)} "


def test_a_page_in_full(page):
    assert page("clips", "pact").partition("\nkeys, ")[2].partition("\n\nRules that")[0] == (
        "with their defaults and what they may be set to:\n"
        "  init: 3.0            # number > 0, or a data rule\n"
        "  per: layer           # layer | channel\n"
        "  positivity: project  # project | abs | softplus | exp | square\n"
        "  bits: null           # integer >= 1 and <= 8, or null\n"
        "\n"
        "decay of thresholds: weights\n"
        "audit verdict with these defaults: EXACT"
    )
    widths = page("models", "mlp").partition("\n  widths: ")[2].partition("\n")[0]
    assert widths.endswith("# list, each integer > 0 (at least 1 of them)")


@pytest.mark.parametrize("name", CLIPS)
def test_the_page_of_a_clip_says_what_the_clip_says_of_itself(name, page):
    clip = target_of("clips", name)(num_features=2, **read_choice("clip", name).keys)
    shown = page("clips", name)
    assert f"\naudit verdict with these defaults: {clip.verdict}\n" in shown
    decay = f"\ndecay of thresholds: {clip.threshold_decay}\n"
    assert (decay in shown) == (clip.verdict != "FIXED")


@pytest.mark.parametrize("name", CLIPS)
def test_data_rules_are_explained_once_where_they_are_taken_and_only_there(name, page):
    takes = str in get_args(hints_of(target_of("clips", name)).get("init", float))
    shown = page("clips", name)
    assert ("or a data rule\n" in shown) == takes
    assert shown.count("``percentile:Q`` is") == takes


def test_a_page_imports_neither_torch_nor_what_it_tells_of():
    code = (
        "import sys; from clipbench.cli.ls import main; main(['clips', 'pact']);"
        "assert not {'torch', 'pydantic', 'clipbench.clips.pact'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(
    ("words", "hint"), [(["clip"], "'clips'"), (["clips", "lernable"], "'learnable'")]
)
def test_a_wrong_word_is_answered_with_the_nearest(words, hint, capsys):
    assert main(words) == 2
    assert hint in capsys.readouterr().err
