"""How often a server is asked."""

import numpy as np

from jeospark.raster.datasets import Datasets
from jeospark.raster.window import Window
from jeospark.storage.publish import read_bytes, write_text_atomic


def test_an_open_is_two_requests_and_an_aligned_window_one(behind_door, door, using, numbers):
    using()
    with Datasets(4) as datasets:
        datasets.get(behind_door)
        assert [(method, ranges) for method, _, ranges in door.seen] == [("HEAD", ""), ("GET", "bytes=0-16383")]
        door.seen.clear()
        blocks, out = datasets.blocks(behind_door), np.empty((512, 512), np.uint16)
        assert door.gets() == 0
        assert blocks.read(1, Window(512, 512, 512, 512), out)
        assert door.gets() == 1
        assert np.array_equal(out, numbers[512:, 512:])


def test_blocks_beside_each_other_are_one_request(behind_door, door, using, numbers):
    using()
    with Datasets(4) as datasets:
        blocks, out = datasets.blocks(behind_door), np.empty((512, 1024), np.uint16)
        door.seen.clear()
        assert blocks.read(1, Window(512, 0, 512, 1024), out)
        assert door.gets() == 1
        assert np.array_equal(out, numbers[512:])


def test_what_gdal_reads_by_itself_is_as_sparing(behind_door, door, using, numbers):
    using()
    with Datasets(4) as datasets:
        dataset = datasets.get(behind_door, overview=0)
        door.seen.clear()
        assert dataset.read(1).shape == (512, 512)
        assert door.gets() <= 2


def test_ranges_are_closed_and_end_with_the_file(behind_door, door, using, raster):
    using()
    assert read_bytes(behind_door) == raster.read_bytes()
    size = raster.stat().st_size
    assert door.seen[-1][2] == f"bytes=0-{size - 1}"


def test_publishing_is_a_put_and_a_move(door, using):
    using()
    href = f"{door.url}/eos/jeodpp/published/a.json"
    write_text_atomic(href, "first")
    door.seen.clear()
    write_text_atomic(href, "second")
    assert [method for method, _, _ in door.seen] == ["PUT", "MOVE"]
    assert read_bytes(href) == b"second"


def test_a_move_whose_answer_was_lost_is_done(door, using):
    using()
    href = f"{door.url}/eos/jeodpp/published/lost.json"
    door.lose = 1
    write_text_atomic(href, "once")
    assert [method for method, _, _ in door.seen if method == "MOVE"] == ["MOVE", "MOVE"]
    assert read_bytes(href) == b"once"
