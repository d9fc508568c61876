"""A compiled step gives the numbers of the plain one, and compiling leaves no trace."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._inductor.exc import InvalidCxxCompiler

from clipbench.regularizers.l1 import L1
from clipbench.training.compiled import NoCompiler
from tests.training.tiny import tiny_data, tiny_model, tiny_run


@pytest.fixture(autouse=True)
def _forget() -> Any:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


@pytest.fixture
def traced_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trace and differentiate as the compiler would, without generating code."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))


@pytest.mark.usefixtures("traced_only")
@pytest.mark.parametrize("regularizer", [None, L1()], ids=["plain", "regularized"])
def test_the_numbers_are_those_of_the_plain_step(regularizer: Any, tmp_path: Path) -> None:
    keys = {"regularizer": regularizer}
    ends = [
        tiny_run(
            tmp_path / str(compile_model),
            model=tiny_model(tiny_data(), batch_norm=True, dropout=0.3),
            compile_model=compile_model,
            **keys,
        ).model.state_dict()
        for compile_model in (False, True)
    ]
    for name, value in ends[0].items():
        torch.testing.assert_close(ends[1][name], value, rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.campaign
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
def test_generated_code_gives_the_numbers_of_the_plain_step(tmp_path: Path) -> None:
    ends = [
        tiny_run(tmp_path / str(compile_model), compile_model=compile_model).model.state_dict()
        for compile_model in (False, True)
    ]
    for name, value in ends[0].items():
        torch.testing.assert_close(ends[1][name], value, rtol=1e-4, atol=1e-6, msg=name)


def test_a_machine_without_a_compiler_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without(*_: Any, **__: Any) -> Any:
        def call(_: Any) -> Any:
            raise InvalidCxxCompiler

        return call

    monkeypatch.setattr(torch, "compile", without)
    with pytest.raises(NoCompiler, match="g\\+\\+"):
        tiny_run(tmp_path, compile_model=True)
