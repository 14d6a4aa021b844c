"""Nearly right files of every kind are read, or refused on purpose; nothing else comes of them."""

import os

import pytest
from mutants import kinds, surprises
from sandbox import shared_artefacts

SEED = 16
#: mutants of each of sixteen kinds
FEW, MANY = 8, int(os.environ.get("BEABLE_MUTANTS", "3750"))


@pytest.fixture(scope="module")
def all_kinds(tmp_path_factory):
    shared, work = tmp_path_factory.mktemp("shared"), tmp_path_factory.mktemp("honest")
    shared_artefacts(shared)
    return kinds(shared, work)


def test_honest_files_are_read(all_kinds, tmp_path):
    for kind in all_kinds:
        folder = tmp_path / kind.name
        (folder / kind.place).parent.mkdir(parents=True)
        (folder / kind.place).write_bytes(kind.whole)
        if kind.name not in ("zarr", "study"):  # which need files beside them, and a whole study
            kind.read(folder / kind.place)


def test_mutants_are_refused_on_purpose(all_kinds, tmp_path):
    assert len(all_kinds) * FEW == 128
    assert [line for kind in all_kinds for line in surprises(kind, tmp_path, SEED, FEW)] == []


@pytest.mark.slow
@pytest.mark.parametrize("place", range(16))
def test_many_mutants_are_refused_on_purpose(all_kinds, tmp_path, place):
    assert len(all_kinds) * 3750 == 60_000
    assert surprises(all_kinds[place], tmp_path, SEED + 1, MANY) == []


def test_a_surprise_and_an_end_are_told(all_kinds, tmp_path):
    def surprised(path):
        raise KeyError(path.name)

    kind = all_kinds[6]
    assert len(surprises(kind._replace(read=surprised), tmp_path, SEED, 3)) == 3
    assert surprises(kind._replace(read=lambda path: os._exit(7)), tmp_path, SEED, 3) == ["csv: ended by 7 at 0"]
