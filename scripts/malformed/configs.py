"""Sixty wrong command lines: forty that people type, twenty drawn at random."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import NonInteractiveExampleWarning

from scripts.malformed.case import Case, words

# What is typed, and what the answer must name.
TYPED: list[tuple[str, str]] = [
    ("optim.lr=-1", "optim.lr"),
    ("optim.lr=nan", "optim.lr"),
    ("optim.lr=inf", "lr=inf"),
    ("optim.lr=fast", "optim.lr"),
    ("optim.lr=[0.1]", "optim.lr"),
    ("optim.lr=null", "optim.lr"),
    ("optim.lr=true", "optim.lr"),
    ("optim.lr={a:1}", "optim.lr"),
    ("optim.momentumm=0.9", "optim.momentumm"),
    ("seed=-1", "seed"),
    ("seed=1.5", "seed"),
    ("seed=abc", "seed"),
    ("seed=1e400", "seed"),
    ("num_seeds=0", "num_seeds"),
    ("trainer.epochs=0", "trainer.epochs"),
    ("trainer.epochs=-3", "trainer.epochs"),
    ("trainer.batch_size=2.5", "trainer.batch_size"),
    ("trainer.device=tpu", "trainer.device"),
    ("trainer.device=cuda:x", "trainer.device"),
    ("trainer.log_every=0", "trainer.log_every"),
    ("clip=lernable", "lernable"),
    ("clip=../../etc/passwd", "clip"),
    ("clip.init=-2", "clip.init"),
    ("clip.per=chanel", "clip.per"),
    ("clip=silu clip.init=3", "clip.init"),
    ("model=transformer", "transformer"),
    ("model.widths=[]", "model.widths"),
    ("model.widths=[0]", "model.widths"),
    ("model.widths=[-5,3]", "model.widths"),
    ("model.num_classes=5", "model.num_classes"),
    ("data=imagenet", "imagenet"),
    ("data.val_size=0", "data.val_size"),
    ("data.split_seed=x", "data.split_seed"),
    ("name=../up", "name"),
    ("name=runs", "runs"),
    ("trust=os", "trust"),
    ("optim.lr=${nowhere}", "nowhere"),
    ("optim.lr=0.1,0.2", "-m"),
    ("=5", "=5"),
    ("optim.lr", "optim.lr"),
]
RANDOM = 20


def cases() -> list[Case]:
    """Return the sixty."""
    typed = [
        Case(name=f"config {text}", lay=words("train", *_smoke(text)), codes=(2,), named=(key,))
        for text, key in TYPED
    ]
    drawn = [
        Case(name=f"config drawn {text!r}", lay=words("train", *_smoke(text)), codes=(2,))
        for text in _drawn()
    ]
    return [*typed, *drawn]


def _smoke(text: str) -> list[str]:
    # Should a case be taken for right after all, it trains for a second and not for an hour.
    small = [] if text.startswith(("data=", "model=", "clip=")) else ["experiment=smoke"]
    return [*small, *text.split(" ")]


def _drawn() -> list[str]:
    """Draw overrides that are wrong whatever is drawn, the same at every call."""
    keys = st.sampled_from(
        ["optim.lr", "seed", "trainer.epochs", "trainer.batch_size", "clip.init", "data.val_size"]
    )
    letters = st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"])
    no_number = st.text(letters, min_size=1, max_size=30).filter(_is_no_number)
    unknown = st.from_regex(r"\A(optim|clip|trainer|model)\.[a-z]{9,14}\Z")
    wrong = st.one_of(
        st.tuples(keys, no_number),
        st.tuples(keys, st.integers(-(10**30), -1).map(str)),
        st.tuples(unknown, st.integers(0, 9).map(str)),
        st.tuples(st.text(letters, min_size=1, max_size=12), no_number),
    )
    return list(_examples(wrong.map("=".join), RANDOM))


def _is_no_number(text: str) -> bool:
    try:
        float(text.strip().replace("_", ""))
    except ValueError:
        return " " not in text and not text.startswith("$")
    return False


def _examples(strategy: st.SearchStrategy[str], number: int) -> Iterator[str]:
    found: dict[str, None] = {}

    @seed(0)
    @settings(
        max_examples=5 * number,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def draw(text: str) -> None:
        found[text] = None

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NonInteractiveExampleWarning)
        draw()
    usable = [text for text in found if text[:1] != "-"]
    step = len(usable) // number
    return iter(usable[::step][:number])
