import io

import numpy as np
import pytest
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import crc32c as slow_crc32c
from tensorboard.summary.writer.record_writer import RecordWriter

from clipbench.records.tfrecord import crc32c, framed


def some_bytes(size: int) -> bytes:
    return np.random.default_rng(size).bytes(size)


@pytest.mark.parametrize("size", [*range(10), 511, 512, 513, 514, 515, 516, 1024, 5000])
def test_the_checksum_is_that_of_the_slow_way(size):
    assert crc32c(some_bytes(size)) == slow_crc32c(some_bytes(size))


@pytest.mark.parametrize("content", [b"", b"\x00" * 40, b"\xff" * 600, some_bytes(2000)])
def test_a_record_is_framed_as_tensorboard_frames_it(content):
    file = io.BytesIO()
    RecordWriter(file).write(content)
    assert framed(content) == file.getvalue()


def test_every_flipped_bit_changes_the_checksum():
    content = bytearray(some_bytes(600))
    right = crc32c(bytes(content))
    for place in range(0, 8 * len(content), 7):
        content[place // 8] ^= 1 << place % 8
        assert crc32c(bytes(content)) != right
        content[place // 8] ^= 1 << place % 8
