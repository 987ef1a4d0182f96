"""How often a server is asked."""

import numpy as np
import pytest

from jeospark.raster.datasets import Datasets
from jeospark.raster.window import Window
from jeospark.settings import Settings
from jeospark.storage.http import Client
from jeospark.storage.http_file import HttpFile, by_header
from jeospark.storage.multipart import MOST_BYTES, grouped, parts_of
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


def test_rows_of_blocks_are_one_request(behind_door, door, using, numbers):
    using()
    with Datasets(4) as datasets:
        blocks, out = datasets.blocks(behind_door), np.empty((1024, 512), np.uint16)
        door.seen.clear()
        assert blocks.read(1, Window(0, 512, 1024, 512), out)
        assert [ranges.count("-") for _, _, ranges in door.seen] == [2]
        assert np.array_equal(out, numbers[:, 512:])


@pytest.mark.parametrize("served", ["whole", "first", "wrong place"])
def test_a_server_that_does_not_give_several_ranges_is_asked_for_each(serve, using, served):
    using()
    data, asked = bytes(range(200)), []

    def answer(request):
        ranges = request.headers.get("Range", "")
        asked.append(ranges)
        request.server_version, request.sys_version = "XrootD/v5.5.3", ""
        places = [tuple(map(int, each.split("-"))) for each in ranges.removeprefix("bytes=").split(",") if each]
        if not places or (served == "whole" and len(places) > 1):
            return 200, data
        if served == "wrong place" and len(places) > 1:
            return 206, b"\r\n--1\r\nContent-range: bytes 0-3/200\r\n\r\n0123\r\n--1--\r\n"
        return 206, data[places[0][0] : places[0][1] + 1]

    client = Client(Settings.load())
    file = HttpFile(client, f"{serve(answer)}/a", 200, by_header, size_now=lambda: 200, several=True)
    assert file.read([(10, 5), (100, 7)]) == [data[10:15], data[100:107]]
    assert file.read([(20, 5), (30, 7)]) == [data[20:25], data[30:37]]
    assert [ranges.count("-") for ranges in asked] == [2, 1, 1, 1, 1]


def test_ranges_are_gathered_up_to_what_servers_take():
    few = [(at * 100, 10) for at in range(150)]
    large = [(0, MOST_BYTES - 1), (MOST_BYTES, 1), (2 * MOST_BYTES, 1)]
    assert [len(group) for group in grouped(few)] == [64, 64, 22]
    assert [len(group) for group in grouped(large)] == [2, 1]
    assert [place for group in grouped(few) for place in group] == few


def test_bytes_that_look_like_a_boundary_are_bytes():
    head = b"\r\n--1\r\nContent-range: bytes %d-%d/20\r\n\r\n"
    body = head % (0, 9) + b"--1--\r\n\r\n0" + head % (12, 13) + b"ab\r\n--1--\r\n"
    headers = {"Content-Type": "multipart/byteranges; boundary=1"}
    places = [(0, 10), (12, 2)]
    assert parts_of(206, headers, body, places, 20) == [b"--1--\r\n\r\n0", b"ab"]
    assert parts_of(206, headers, body[:-10], places, 20) is None
    assert parts_of(206, headers, body, places, 21) is None


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
