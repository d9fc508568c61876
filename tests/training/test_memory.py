import platform
import resource
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import torch
from clipbench.training.memory import keep_freed_memory

if sys.argv[1] == "kept":
    assert keep_freed_memory()
def touch():
    for _ in range(20):
        torch.ones(4_000_000)
touch()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
touch()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be asked")
def test_a_tensor_as_large_as_the_last_one_meets_no_fresh_page():
    pages = 20 * 4_000_000 * 4 // resource.getpagesize()
    assert page_faults("kept") < pages // 100
