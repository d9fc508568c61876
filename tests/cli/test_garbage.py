import gc
import subprocess
import sys
import weakref

import pytest

from clipbench.cli.garbage import start_up, started


class Node:
    def __init__(self):
        self.itself = self


@pytest.fixture(autouse=True)
def _collector_as_before():
    yield
    gc.unfreeze()
    gc.enable()


def test_nothing_is_collected_while_a_command_starts():
    with start_up():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_a_start_that_fails_leaves_the_collector_as_it_was():
    with pytest.raises(ValueError, match="typed wrong"), start_up():
        raise ValueError("typed wrong")
    assert gc.isenabled()


def test_what_was_there_before_is_left_alone_and_what_is_made_later_is_collected():
    with start_up():
        before = weakref.ref(Node())
        started()
        later = weakref.ref(Node())
        assert gc.isenabled()
        gc.collect()
        assert before() is not None
        assert later() is None
    gc.collect()
    assert before() is None


def test_a_process_that_ends_looks_through_nothing():
    code = (
        "import atexit, gc, sys\nfrom clipbench.cli.main import main\n"
        "atexit.register(lambda: print('FROZEN', gc.get_freeze_count()))\n"
        "sys.argv = ['clipbench', '--help']\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout.rpartition("FROZEN")[2]) > 1000
