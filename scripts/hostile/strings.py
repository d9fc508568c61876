"""Twenty-five strings that would steer what shows them, in every text field of a run."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from scripts.malformed.folders import resealed

STRINGS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "</title><iframe src=//evil>",
    "</style><style>*{display:none}",
    "<!--",
    "&lt;b&gt;",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "[x](javascript:alert(1))",
    "![x](http://evil/x.png)",
    "| a | b |\n|---|---|",
    "`code` *bold* <b>",
    "\\input{/etc/passwd}",
    "\\write18{touch marker}",
    "$\\frac{$ %} & _ ^ #",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "@SUM(1)",
    "\t=1+1",
    "\x1b[2J\x1b]0;owned\x07",
    "a\rb\nc\x00d\x9b31m",
    "\u202eevil\u2066\u200b",
    "\ud800 half a letter",
)
FORMS = ("table", "csv", "json", "markdown", "latex", "html")
FIELDS: Mapping[str, Callable[[dict[str, Any], str], object]] = {
    "cause": lambda run, text: run.update(cause=text, status="failed"),
    "an override": lambda run, text: run.update(overrides=[f"optim.lr={text}", f"clip={text}"]),
    "the clip": lambda run, text: run["config"]["clip"].update(_target_=text),
    "the model": lambda run, text: run["config"]["model"].update(_target_=text),
    "the data": lambda run, text: run["config"]["data"].update(_target_=text),
    "a key of the config": lambda run, text: run["config"].update({text: {text: text}}),
    "a value of the config": lambda run, text: run["config"]["optim"].update(lr=text),
    "a tag of the results": lambda run, text: run["results"].update({text: 0.5}),
    "the commit": lambda run, text: run.update(commit=text),
    "the versions": lambda run, text: run.update(versions={text: text, "torch": text}),
    "the device": lambda run, text: run.update(device=text),
    "the group": lambda run, text: run.update(group=text),
}


def write_run(
    content: bytes, folder: Path, *, seed: int, change: Callable[[dict[str, Any]], object]
) -> None:
    """Write a manifest like another into a folder, changed and with the digest that fits."""

    def whole(manifest: dict[str, Any]) -> None:
        manifest |= {
            "seed": seed,
            "results": {**manifest["results"], "test/accuracy": 0.5 + seed / 9},
        }
        manifest["config"] |= {"seed": seed}
        change(manifest)

    folder.mkdir(parents=True)
    (folder / "run.json").write_bytes(resealed(content, whole))


class Shape(HTMLParser):
    """Gathers the elements of a page, and their attributes, without what they say."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.found |= {tag, *(f"{tag} {name}" for name, _ in attributes)}
        for name, value in attributes:
            if name in ("src", "href") and not str(value).startswith(
                ("data:image/svg+xml;base64,", "#")
            ):
                self.found.add(f"{tag} {name} {value}")


def shape_of(page: str) -> set[str]:
    """Return the elements and attributes of a page."""
    shape = Shape()
    shape.feed(page)
    return shape.found


def fault_of(form: str, text: str, *, benign: set[str]) -> str:
    """Return what is wrong with a report in some form; nothing if nothing is.

    Args:
        form: One of `FORMS`.
        text: The report.
        benign: The shape of a page about harmless names.
    """
    loose = [repr(letter) for letter in text if not letter.isprintable() and letter != "\n"]
    if loose and form != "html":
        return f"does not print: {loose[:3]}"
    return _CHECKS[form](text, benign)


def _html(text: str, benign: set[str]) -> str:
    foreign = shape_of(text) - benign
    return f"foreign in the page: {sorted(foreign)[:3]}" if foreign else ""


def _csv(text: str, _benign: set[str]) -> str:
    for row in csv.reader(io.StringIO(text)):
        for cell in row:
            if cell.startswith(("=", "+", "-", "@", "\t", "\r")) and not _is_number(cell):
                return f"a formula: {cell!r}"
    return ""


def _json(text: str, _benign: set[str]) -> str:
    json.loads(text)
    return ""


def _markdown(text: str, _benign: set[str]) -> str:
    bare = re.sub(r"\\[\\`*_{}\[\]<>()#|~&!]", "", text)
    wrong = re.search(r"<\w|\]\(|`|!\[", bare)
    tables = {line.count("|") for line in bare.splitlines() if line.startswith("| ")}
    if wrong:
        return f"markup: {bare[wrong.start() : wrong.start() + 40]!r}"
    return f"rows of several widths: {tables}" if len(tables) > 3 else ""


def _latex(text: str, _benign: set[str]) -> str:
    bare = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    bare = bare.replace(r"\textbackslash{}", "")
    wrong = re.search(r"\\(input|write|frac|include|openout)", bare)
    return f"a command: {bare[wrong.start() : wrong.start() + 40]!r}" if wrong else ""


def _table(_text: str, _benign: set[str]) -> str:
    return ""


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


_CHECKS: Mapping[str, Callable[[str, set[str]], str]] = {
    "table": _table,
    "csv": _csv,
    "json": _json,
    "markdown": _markdown,
    "latex": _latex,
    "html": _html,
}


def lay(content: bytes, folder: Path, text: str, field: str) -> None:
    """Write two configurations of two seeds each; one of them has the string in a field."""
    for seed in (0, 1):
        write_run(content, folder / "relu" / f"seed={seed}", seed=seed, change=lambda _: None)
        place = folder / _as_name(text) / f"seed={seed}"
        write_run(content, place, seed=seed, change=lambda run: FIELDS[field](run, text))


def clear(folder: Path) -> None:
    """Remove what `lay` wrote and what came of it."""
    shutil.rmtree(os.fsencode(folder))


def _as_name(text: str) -> str:
    """Return the string as near as a folder can be called to it."""
    return text.replace("/", "∕").replace("\0", "").replace("\ud800", "\udcff")  # noqa: RUF001
