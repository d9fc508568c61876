r"""What a name must not do where it is shown: steer a terminal, start a formula, end a table cell.

Names come from the command line, from folders and from other people's runs. Whatever does not print
is written as its escape (``\x1b``), in every format; each format then takes its own precautions.
"""

from __future__ import annotations

_FORMULA = tuple("=+-@\t\r＝＋－＠")  # noqa: RUF001 -- the wide ones count for some spreadsheets too
_MARKDOWN = frozenset("\\`*_{}[]<>()#|~&!")
_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "≥": r"$\geq$",
    "×": r"$\times$",
    "–": "--",
    **{letter: f"\\{letter}" for letter in "{}$&#_%"},
}


def plain(text: str) -> str:
    r"""Write every character that does not print as its escape.

    >>> plain("relu\x1b[31m")
    'relu\\x1b[31m'
    """
    if text.isprintable():  # a picture inside a page has a million letters
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


def spreadsheet(text: str) -> str:
    """Put a quotation mark before what a spreadsheet would take for a formula.

    >>> spreadsheet("=1+1"), spreadsheet("relu")
    ("'=1+1", 'relu')
    """
    shown = plain(text)
    return f"'{shown}" if text.startswith(_FORMULA) else shown


def markdown(text: str) -> str:
    r"""Escape what Markdown would take for markup.

    >>> markdown("a|b*c")
    'a\\|b\\*c'
    """
    return "".join(f"\\{letter}" if letter in _MARKDOWN else letter for letter in plain(text))


def latex(text: str) -> str:
    r"""Escape what LaTeX would take for a command.

    >>> latex("95 % of a_b")
    '95 \\% of a\\_b'
    """
    return "".join(_LATEX.get(letter, letter) for letter in plain(text))
