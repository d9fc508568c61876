"""Campaign: our clips against independent implementations from PyPI, in value and gradient.

Run it in the project's environment: .venv/bin/python scripts/campaign_external.py
The libraries go to a temporary folder and without what they depend on: fms-model-optimizer and
sparseml would bring transformers and an old torch, and one file of each is all that is used.
It fails when a comparison fails or is skipped.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

LIBRARIES = (
    "brevitas==0.13.4",
    "dependencies==2.0.1",
    "unfoldNd==0.2.3",
    "fms-model-optimizer==0.8.7",
    "sparseml==1.8.0",
)
ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests" / "clips" / "test_external.py"


def main() -> int:
    """Fetch the libraries, run the comparisons, and return the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        subprocess.run([*pip, "--target", folder, *LIBRARIES], check=True)
        path = os.pathsep.join(filter(None, [folder, os.environ.get("PYTHONPATH")]))
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", str(TESTS)],
            check=False,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
        )
    print(done.stdout + done.stderr)
    return done.returncode or int(" skipped" in done.stdout.splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main())
