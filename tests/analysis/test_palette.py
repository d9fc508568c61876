"""Colours stay apart for every reader, and each clip keeps its own."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from clipbench.analysis.palette import COLOURS, MARKERS, REFERENCE, looks

# How people without one kind of cone see linear RGB (Machado, Oliveira and Fernandes, 2009).
EYES = {
    "usual": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
         [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
         [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
         [0.004733, 0.691367, 0.303900]]
    ),
}  # fmt: skip
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(colour):
    values = np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    scaled = TO_XYZ @ np.clip(rgb, 0, 1) / np.array([0.9505, 1.0, 1.089])
    x, y, z = np.where(scaled > 0.008856, np.cbrt(scaled), 7.787 * scaled + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("eye", EYES)
def test_colours_stay_apart_for_colour_blind_readers(eye):
    seen = {colour: lab(EYES[eye] @ linear(colour)) for colour in (REFERENCE, *COLOURS)}
    for a, b in combinations(seen, 2):
        assert np.linalg.norm(seen[a] - seen[b]) > 15, (a, b)


def test_colours_stand_out_from_paper():
    for colour in (REFERENCE, *COLOURS):
        luminance = float(TO_XYZ[1] @ linear(colour))
        assert 1.05 / (luminance + 0.05) > 3, colour


def test_a_clip_has_one_colour_and_a_configuration_one_look():
    named = [("relu", "relu"), ("pact", "pact"), ("pact, a", "pact"), ("silu", "silu")]
    chosen = looks([*named, ("pact", "pact")], reference="relu")
    assert chosen["relu"].colour == REFERENCE
    assert chosen["pact"].colour == chosen["pact, a"].colour != chosen["silu"].colour
    assert chosen["pact"].marker != chosen["pact, a"].marker


def test_more_clips_than_colours_still_look_different():
    named = [(f"clip{k}", f"clip{k}") for k in range(40)]
    chosen = looks(named, reference="clip0")
    assert len(set(chosen.values())) == 40
    assert len(set(MARKERS)) == len(MARKERS)
