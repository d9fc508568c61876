import os

import pytest

from clipbench.records.image_files import keep, kept


def test_images_come_back_under_their_tags(tmp_path):
    keep(tmp_path, tag="samples/train", step=12, png=b"one")
    keep(tmp_path, tag="samples/train", step=123456789, png=b"two")
    keep(tmp_path, tag="confusion", step=0, png=b"three")
    found = [(image.tag, image.step, image.png) for image in kept(tmp_path)]
    assert sorted(found) == [
        ("confusion", 0, b"three"),
        ("samples/train", 12, b"one"),
        ("samples/train", 123456789, b"two"),
    ]
    assert all(image.time > 0 for image in kept(tmp_path))


def test_what_is_no_image_of_ours_is_passed_over(tmp_path):
    assert list(kept(tmp_path)) == []
    keep(tmp_path, tag="a", step=1, png=b"one")
    folder = tmp_path / "images"
    (folder / "notes.png").write_bytes(b"")
    (folder / "b-12.png").write_bytes(b"")
    (folder / "c-00000001.png").symlink_to(folder / "a-00000001.png")
    os.mkfifo(folder / "d-00000001.png")
    assert [image.tag for image in kept(tmp_path)] == ["a"]
    other = tmp_path / "other"
    other.mkdir()
    (other / "images").symlink_to(folder)
    assert list(kept(other)) == []


def test_a_tag_whose_file_could_not_be_told_from_anothers_is_refused(tmp_path):
    with pytest.raises(ValueError, match="tag='a_b'"):
        keep(tmp_path, tag="a_b", step=1, png=b"")
    assert os.listdir(tmp_path) == []
