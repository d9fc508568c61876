import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from clipbench.cli.searches.space import read_parameter


def read(text):
    (word,) = OverridesParser.create().parse_overrides([text])
    return read_parameter(word)


@pytest.mark.parametrize(
    ("text", "distribution"),
    [
        ("a=interval(0,0.5)", FloatDistribution(0.0, 0.5)),
        ("a=tag(log,interval(1e-4,1e-1))", FloatDistribution(1e-4, 1e-1, log=True)),
        ("a=int(interval(1,5))", IntDistribution(1, 5)),
        ("a=tag(log,int(interval(1,100)))", IntDistribution(1, 100, log=True)),
        ("a=range(2,9,3)", IntDistribution(2, 8, step=3)),
        ("a=range(9,2,-3)", IntDistribution(3, 9, step=3)),
        ("a=range(0,1,0.1)", FloatDistribution(0.0, 0.9, step=0.1)),
        ("a=1,10", CategoricalDistribution(["1", "10"])),
        ("a=choice(1,10)", CategoricalDistribution(["1", "10"])),
        ("a=[4,4],[8]", CategoricalDistribution(["[4,4]", "[8]"])),
        ("a=x,null,true", CategoricalDistribution(["x", "null", "True"])),
    ],
)
def test_a_range_or_list_is_sampled_as_it_is_typed(text, distribution):
    assert read(text).distribution == distribution


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a=interval(5,1)", "5.0"),
        ("a=tag(log,interval(0,1))", "0.0"),
        ("a=interval(0,inf)", "finite"),
        ("a=tag(lgo,interval(1,2))", "'lgo'"),
        ("a=tag(log,choice(1,10))", "not for lists"),
        ("a=shuffle(1,2)", "shuffle"),
        ("a=range(5,5)", "empty"),
        ("a=tag(log,range(1,9,2))", "log"),
    ],
)
def test_what_cannot_be_sampled_is_refused_with_the_reason(text, why):
    with pytest.raises(ValueError, match=why):
        read(text)


def test_the_ends_of_a_range_and_every_item_of_a_list_are_to_be_checked():
    assert read("a=interval(0.5,2)").texts == ("0.5", "2.0")
    assert read("a=range(1,9)").texts == ("1", "8")
    assert read("a=1,2,2,3").texts == ("1", "2", "3")


@pytest.mark.parametrize(
    ("value", "text"), [(0.123456789, "0.123457"), (0.30000000000000004, "0.3"), (1e-10, "1e-10")]
)
def test_a_number_is_typed_with_six_digits(value, text):
    assert read("a=interval(0,1)").text(value) == text


def test_rounding_never_leaves_the_range():
    parameter = read("a=interval(0.12345678,0.12345681)")
    assert 0.12345678 <= float(parameter.text(0.1234568)) <= 0.12345681


def test_the_text_of_an_item_is_what_was_typed():
    assert read("a='b c',[1,{x:2}]").texts == ("'b c'", "[1,{x:2}]")
