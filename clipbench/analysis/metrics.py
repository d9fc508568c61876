"""How a number under a tag is shown, and which way is better.

Shares (accuracy, sparsity …) are kept as fractions and shown in percent points. Accuracy is better
high, loss and time are better low; of everything else it is only said which is higher.
"""

from __future__ import annotations

_SHARES = ("sparsity", "saturation", "dead_units", "gradient_window")
_PART = "test/"
_WORDS = {1: ("better", "worse"), -1: ("worse", "better"), 0: ("higher", "lower")}


def is_share(tag: str) -> bool:
    """Tell whether a tag holds a fraction in [0, 1], on whichever part of the data.

    >>> is_share("test/saturation/conv1"), is_share("test/loss")
    (True, False)
    """
    quantity = tag.removeprefix(_PART)
    return tag.endswith(("/accuracy", "_share")) or quantity.startswith(_SHARES)


def direction(tag: str) -> int:
    """Give 1 where larger is better, -1 where smaller is, 0 where neither is said."""
    if tag.endswith("/accuracy") or tag.startswith("speed/"):
        return 1
    return -1 if tag.endswith("/loss") or tag.startswith("seconds/") else 0


def word(tag: str, difference: float) -> str:
    """Name what a difference of A over B makes of A.

    >>> word("test/loss", -0.1), word("sparsity/mean", 0.2)
    ('better', 'higher')
    """
    return _WORDS[direction(tag)][0 if difference > 0 else 1]


def unit(tag: str) -> str:
    """Name the unit of a difference, empty where it has none."""
    return "points" if is_share(tag) else ""


def number(tag: str, value: float) -> str:
    """Write a value or a difference as a person reads it, without its unit.

    A share has two decimals, or as many as its first two digits need; other numbers have three
    digits.

    >>> number("test/accuracy", 0.0042), number("test/accuracy", 0.000012)
    ('0.42', '0.0012')
    >>> number("test/loss", 0.123456)
    '0.123'
    """
    if not is_share(tag):
        return f"{value:.3g}"
    points = 100 * value
    return f"{points:.2f}" if abs(points) >= 0.01 or points == 0 else f"{points:.2g}"


def title(tag: str) -> str:
    """Name a quantity with the unit its numbers are shown in.

    >>> title("test/accuracy"), title("val/loss")
    ('test accuracy %', 'val loss')
    """
    name = tag.replace("/", " ").replace("_", " ")
    return f"{name} %" if is_share(tag) else name


def amount(tag: str, value: float) -> str:
    """Write a difference with its unit.

    >>> amount("test/accuracy", 0.003)
    '0.30 points'
    """
    return f"{number(tag, value)} {unit(tag)}".rstrip()
