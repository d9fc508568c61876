"""One writer at a time, and nothing stale after a holder's death."""

import fcntl
import multiprocessing
import os
import signal
import threading
import time

import pytest

from clipbench.records.lock import (
    LOCK_FILE,
    Busy,
    exclusive,
    holder,
    is_held,
    is_own,
    refuse_held,
    wait_until_free,
)


def hold(folder, ready):
    with exclusive(folder):
        ready.set()
        time.sleep(600)


@pytest.fixture
def stranger(tmp_path):
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=hold, args=(tmp_path, ready), daemon=True)
    process.start()
    assert ready.wait(60)
    yield process
    process.kill()
    process.join()


def test_a_folder_has_one_holder(tmp_path):
    with exclusive(tmp_path):
        assert is_held(tmp_path)
        assert is_own(tmp_path)
        with pytest.raises(Busy), exclusive(tmp_path):
            raise AssertionError("two holders")
    assert not is_held(tmp_path)
    assert not is_own(tmp_path)
    with exclusive(tmp_path):
        pass


def test_a_folder_without_a_lock_is_free_and_stays_untouched(tmp_path):
    assert not is_held(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_who_only_looks_does_not_make_a_folder_busy(tmp_path):
    with exclusive(tmp_path):
        pass
    looking = os.open(tmp_path / LOCK_FILE, os.O_RDWR)
    fcntl.flock(looking, fcntl.LOCK_SH)
    threading.Timer(0.05, os.close, [looking]).start()
    with exclusive(tmp_path):
        assert is_own(tmp_path)


def test_a_held_folder_is_refused_without_taking_it(tmp_path, stranger):
    with pytest.raises(Busy, match=str(stranger.pid)):
        refuse_held(tmp_path)
    stranger.kill()
    stranger.join()
    refuse_held(tmp_path)
    refuse_held(tmp_path / "missing")


def test_the_holder_is_named(tmp_path, stranger):
    with pytest.raises(Busy) as caught, exclusive(tmp_path):
        pass
    assert str(stranger.pid) in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 3
    assert not is_own(tmp_path)


def test_a_killed_holder_leaves_nothing_stale(tmp_path, stranger):
    os.kill(stranger.pid, signal.SIGKILL)
    with exclusive(tmp_path, patience=10):
        assert is_own(tmp_path)


def test_patience_waits_for_a_holder_that_ends(tmp_path, stranger):
    threading.Timer(0.3, stranger.kill).start()
    with exclusive(tmp_path, patience=30):
        assert is_own(tmp_path)


def test_waiting_ends_with_the_holder(tmp_path, stranger):
    free = threading.Event()
    waiting = threading.Thread(target=lambda: (wait_until_free(tmp_path), free.set()))
    waiting.start()
    assert not free.wait(0.3)
    stranger.kill()
    assert free.wait(30)
    waiting.join()


def test_what_the_file_says_is_shown_safely(tmp_path):
    (tmp_path / LOCK_FILE).write_bytes(b"\x1b[2J\xffprocess 1" + b"x" * 5000)
    assert holder(tmp_path).isprintable()
    assert len(holder(tmp_path)) <= 200


def test_a_link_in_place_of_the_lock_is_not_followed(tmp_path):
    (tmp_path / LOCK_FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"), exclusive(tmp_path):
        pass
    assert not (tmp_path / "elsewhere").exists()
