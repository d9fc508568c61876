"""Bars on a terminal, plain lines elsewhere."""

import contextlib
import fcntl
import logging
import os
import pty
import struct
import sys
import termios

from clipbench.cli.progress import Bars, Lines, headline, progress

SCALARS = {"train/accuracy": 0.5, "val/accuracy": 0.25, "sparsity/mean": 0.125}


def drive(shown):
    for epoch in (1, 2):
        for _ in range(3):
            shown.step()
        logging.getLogger("clipbench").warning("a log line")
        shown.epoch(epoch, SCALARS)


def read_all(descriptor):
    """Read until the other side is closed: the system hands a terminal's text over in pieces."""
    pieces = []
    with contextlib.suppress(OSError):  # what reading a closed terminal ends in
        while piece := os.read(descriptor, 1 << 16):
            pieces.append(piece)
    os.close(descriptor)
    return b"".join(pieces).decode()


def test_without_a_terminal_there_is_one_plain_line_an_epoch(capsys):
    with progress(epochs=2, steps_per_epoch=3, label="digits seed 0") as shown:
        assert isinstance(shown, Lines)
        drive(shown)
    lines = [line for line in capsys.readouterr().err.splitlines() if "epoch" in line]
    assert lines == [f"digits seed 0 epoch {n}/2  {headline(SCALARS)}" for n in (1, 2)]
    assert "\r" not in "".join(lines)


def test_on_a_terminal_there_are_two_bars_and_log_lines_stay_whole(monkeypatch):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with progress(epochs=2, steps_per_epoch=3, label="digits seed 0") as shown:
            assert isinstance(shown, Bars)
            drive(shown)
    text = read_all(ours)
    assert "digits seed 0: 100%" in text
    assert "epoch 2" in text
    assert "epoch 3" not in text
    assert "val 0.2500" in text


def test_the_headline_shows_what_there_is():
    assert headline({}) == ""
    assert headline(SCALARS) == "train 0.5000  val 0.2500  sparsity 0.1250"
