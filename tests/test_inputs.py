"""What a user names: plain files, also behind links, and folders that do not lead out of themselves."""

import os

import numpy as np
import pytest

from beable import inputs, memory
from beable.errors import DataError, UsageError


def test_a_name_may_be_a_link(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"words")
    (tmp_path / "b.csv").symlink_to("a.csv")
    assert inputs.read(tmp_path / "b.csv", 10) == b"words"
    assert inputs.stored(tmp_path / "b.csv") == 5


def test_a_member_may_be_a_link_that_stays_inside(tmp_path):
    folder, other = tmp_path / "a", tmp_path / "b"
    folder.mkdir(), other.mkdir()
    (folder / "chunk").write_bytes(bytes(100))
    (folder / "same").symlink_to("chunk")
    assert inputs.stored(folder) == 100
    (tmp_path / "elsewhere").symlink_to(folder)  # the folder itself may lie behind a link
    assert inputs.stored(tmp_path / "elsewhere") == 100
    (other / "chunk").write_bytes(b"private")
    (folder / "out").symlink_to(other / "chunk")
    with pytest.raises(DataError, match="out is a link out of the folder"):
        inputs.stored(folder)


def test_holes_are_not_stored(tmp_path):
    with open(tmp_path / "a", "wb") as file:
        file.write(bytes(4096))
        file.truncate(10**12)
    assert inputs.stored(tmp_path / "a") < 10**6


def test_what_is_too_long_is_not_read(tmp_path):
    (tmp_path / "a").write_bytes(bytes(11))
    with pytest.raises(UsageError, match=r"--config .*: more than 10 bytes"):
        inputs.read(tmp_path / "a", 10, "--config")


def test_a_name_with_a_zero_byte_is_no_name():
    with pytest.raises(UsageError, match="name a file that can be read"):
        inputs.stored("a\0b")


def test_arrays_are_read_as_numpy_reads_them(tmp_path):
    for array in (np.arange(6.0).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3)), np.float32(3)):
        np.save(tmp_path / "a.npy", array)
        np.testing.assert_array_equal(inputs.npy(tmp_path / "a.npy"), array)


def test_what_the_user_allows_is_allowed(tmp_path):
    with pytest.raises(DataError, match="--max-memory"):
        memory.refuse_growth(tmp_path, 2 * 10**9, 1000)
    with memory.allowing("3GB"):
        memory.refuse_growth(tmp_path, 2 * 10**9, 1000)
    with memory.allowing("1MB"), pytest.raises(UsageError, match="allowed by --max-memory"):
        memory.refuse("a grid", 2 * 10**6, "choose a smaller one")


def test_a_process_asks_for_no_more_than_it_may():
    child = os.fork()
    if not child:
        try:
            with memory.allowing("200MB"), memory.bounded(0):
                np.ones(10**8)
        except MemoryError:
            os._exit(3)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3


@pytest.mark.parametrize("words", ["", "4 parsecs", "-1GB", "0", "1e9", "GB", "9" * 40])
def test_what_is_no_size_is_refused(words):
    with pytest.raises(UsageError, match="give a size"):
        memory.size(words)
