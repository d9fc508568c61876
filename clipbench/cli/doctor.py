"""``clipbench doctor``: what this machine has, one line each."""

from __future__ import annotations

import argparse

from clipbench.records.provenance import versions

EXAMPLES = """\
examples:
  clipbench doctor
"""


def main(arguments: list[str]) -> int:
    """Print versions, devices, threads and the data sets present; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="clipbench doctor",
        description="Show versions, devices, threads and the data sets present.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args(arguments)
    import torch

    for name, version in versions().items():
        print(f"{name:<14}{version or 'not installed'}")
    print(f"{'threads':<14}{torch.get_num_threads()}")
    for device in _devices():
        print(f"{'device':<14}{device}")
    from clipbench.cli.data import main as data

    return data(["list"])


def _devices() -> list[str]:
    import torch

    cuda = [
        f"cuda:{index} {torch.cuda.get_device_name(index)}"
        for index in range(torch.cuda.device_count())
    ]
    mps = ["mps"] if torch.backends.mps.is_available() else []
    return ["cpu", *cuda, *mps]
