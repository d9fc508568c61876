"""A fast slice of ``scripts/campaign_mirrors.py``: a fault costs one mirror, a kill nothing."""

from __future__ import annotations

import socket

import pytest

from scripts.campaign_mirrors import _killed, fault, files_from, mirrors, offline, sockets
from scripts.isolated import isolated


@pytest.fixture(scope="module")
def address():
    with mirrors() as where:
        yield where


@pytest.mark.parametrize("how", ["busy", "reset", "to_ftp"])
def test_a_bad_mirror_is_left_for_the_next_or_named(address, how):
    assert fault(address, how) == ""


@pytest.mark.parametrize("moment", [0.05, 0.4])
def test_a_killed_download_leaves_nothing_by_halves(address, moment):
    assert _killed(files_from(address, "good"), moment) == ""


def test_offline_opens_no_socket():
    assert offline(["data", "get", "mnist", "cifar10", "--offline"], code=3) == ""


def test_the_witness_sees_a_look_up():
    asked = isolated(lambda: len(socket.getaddrinfo("127.0.0.1", 9)), witness=sockets)
    assert "socket.getaddrinfo" in asked.witnessed[0]
