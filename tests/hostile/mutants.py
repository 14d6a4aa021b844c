"""Files that are nearly right: bytes of honest ones changed here and there, and what reads each kind."""

import io
import json
import os
import signal
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
from corpus import HEAD, PLAIN, npy, zarr3, zipped

from beable.console.options import matrix
from beable.console.progress import Teller
from beable.console.settings import given
from beable.datasets.importing import Wish, _all_chosen, _Files
from beable.datasets.layout import ArrayLayout
from beable.errors import BeableError
from beable.files import array_files, artefacts, json_files
from beable.settings import validated
from beable.studies.forms import request_of, results_at
from beable.training.form import checked
from beable.training.settings import RunSettings

#: characters that mean something in text
WORTH = b"0123456789-+.eE\"'{}[](),:;\\/<>#= \t\n\x00\xffnaif"
STATE = "state.safetensors"
BATCH = 500
SECONDS = 10


class Kind(NamedTuple):
    """A kind of file.

    Args:
        name: of the kind.
        whole: the contents of an honest file.
        place: its name.
        read: reads it.
    """

    name: str
    whole: bytes
    place: str
    read: Callable[[Path], object]


def _imported(path: Path) -> None:
    with _Files(Wish(), path.with_name("out.zarr"), several=False, teller=Teller()) as opened:
        for values in _all_chosen([path], opened).arrays.values():
            np.asarray(values)


def _zarr(path: Path) -> None:
    _imported(path.parents[1])


def _toml(path: Path) -> None:
    validated(RunSettings, given(path, []))


def _layout(path: Path) -> None:
    ArrayLayout.of_metadata("u", json_files.read_json(path), path)


def _run(path: Path) -> None:
    checked(json_files.read_json(path), path)


def _manifest(path: Path) -> None:
    body = json_files.read_json(path)
    assert isinstance(artefacts._is_manifest(body), bool)


def _study(path: Path) -> None:
    request_of(path.parent)


def kinds(shared: Path, work: Path) -> list[Kind]:
    """All kinds of files that are read.

    Args:
        shared: folder of the honest artefacts.
        work: folder in which honest files are made.
    """
    import h5py

    array = io.BytesIO()
    np.save(array, PLAIN[:, :2, :2])
    with h5py.File(work / "a.h5", "w") as file:
        file.create_dataset("u", data=PLAIN[:6].astype("f4"), chunks=(3, 5, 5), compression="gzip")
        file["u"].attrs["units"], file["u"].attrs["scale_factor"] = "K", 0.5
        file.create_group("g")["t"] = np.arange(6.0)
    with io.BytesIO() as out:
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(zipfile.ZipInfo("u.npy"), array.getvalue())
        deflated = out.getvalue()
    about = zarr3(work, chunks={}) / "zarr.json"
    study = {"study": {"name": "a", "title": "b"}, "preset": "quick", "files": ["x"], "changes": {"run": {"model": 1}}}
    results = {"study": "a", "preset": "quick", "parts": {"p": {"claims": []}}, "counts": [], "expected": []}
    settings = (
        b'variables = ["u"]\n[model]\nlatents = 2\nprior = "mixture"\n[training]\nmembers = 3\nlearning_rate = 1e-3\n'
    )
    return [
        Kind("npy", array.getvalue(), "x.npy", _imported),
        Kind("npz", zipped(("u.npy", array.getvalue())), "x.npz", _imported),
        Kind("npz, deflated", deflated, "x.npz", _imported),
        Kind("hdf5", (work / "a.h5").read_bytes(), "x.h5", _imported),
        Kind("netcdf 3", _netcdf(), "x.nc", _imported),
        Kind("zarr", about.read_bytes(), "x.zarr/u/zarr.json", _zarr),
        Kind("csv", HEAD, "x.csv", _imported),
        Kind("toml", settings, "x.toml", _toml),
        Kind("matrix", b"1,0.5\n0.5,1\n", "x.csv", lambda path: matrix("covariance", str(path))),
        Kind("matrix of numbers", npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2)}", bytes(32)), "x.npy",
             lambda path: matrix("covariance", str(path))),
        Kind("store", (shared / "good.zarr" / "u" / "zarr.json").read_bytes(), "zarr.json", _layout),
        Kind("run", (shared / "run" / "run.json").read_bytes(), "run.json", _run),
        Kind("arrays", (shared / "run" / STATE).read_bytes(), STATE, array_files.read_arrays),
        Kind("manifest", (shared / "run" / "manifest.json").read_bytes(), "manifest.json", _manifest),
        Kind("study", json.dumps(study).encode(), "study.json", _study),
        Kind("results", json.dumps(results).encode(), "results.json", results_at),
    ]  # fmt: skip


def _netcdf() -> bytes:
    from scipy.io import netcdf_file

    out = io.BytesIO()
    with netcdf_file(out, "w") as file:
        file.createDimension("sample", 4)
        file.createDimension("x", 3)
        file.createVariable("u", "f4", ("sample", "x"))[:] = np.arange(12.0).reshape(4, 3)
        file.flush()
        return out.getvalue()


def mutant(whole: bytes, rng: np.random.Generator) -> bytes:
    """An honest file with a few changes: bits, characters, pieces left out, put twice or elsewhere, an end cut off."""
    data = bytearray(whole)
    for _ in range(int(rng.integers(1, 4))):
        at, length = int(rng.integers(len(data) or 1)), int(rng.integers(1, 16))
        change = rng.integers(7)
        if change == 0 and data:
            data[at] ^= 1 << int(rng.integers(8))
        elif change == 1 and data:
            data[at] = WORTH[int(rng.integers(len(WORTH)))]
        elif change == 2:
            del data[at : at + length]
        elif change == 3:
            data[at:at] = data[at : at + length]
        elif change == 4:
            data[at:at] = bytes(WORTH[i] for i in rng.integers(len(WORTH), size=length))
        elif change == 5 and data:
            to = int(rng.integers(len(data)))
            data[to : to + length] = data[at : at + length]
        elif rng.integers(4) == 0:
            del data[at:]
    return bytes(data)


def surprises(kind: Kind, work: Path, seed: int, number: int) -> list[str]:
    """What so many mutants of a kind raise that no one raised on purpose; a line each.

    Args:
        kind: of file.
        work: an empty folder.
        seed: of the mutants.
        number: of mutants.
    """
    return [
        line
        for first in range(0, number, BATCH)
        for line in _batch(kind, work, seed, first, min(BATCH, number - first))
    ]


def _batch(kind: Kind, work: Path, seed: int, first: int, number: int) -> list[str]:
    """In a child, since a library may end its process."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        with suppress(BaseException):
            for line in _met(kind, work, seed, first, number):
                os.write(write, f"{line}\n".encode())
        os._exit(0)
    os.close(write)
    with open(read, encoding="utf-8", errors="replace") as pipe:
        told = pipe.read().splitlines()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    wrong = [line for line in told if not line.startswith("at ")]
    last = next((line for line in reversed(told) if line.startswith("at ")), "at the first")
    return wrong if told and told[-1] == f"at {first + number}" else [*wrong, f"{kind.name}: ended by {status} {last}"]


def _met(kind: Kind, work: Path, seed: int, first: int, number: int) -> Iterator[str]:
    warnings.simplefilter("ignore")
    path = work / kind.place
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind.name == "zarr":
        (path.parents[1] / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group", "attributes": {}}')
        (path.parent / "c.0.0.0").write_bytes(PLAIN.tobytes())
    for i in range(first, first + number):
        rng = np.random.default_rng([seed, i, *kind.name.encode()])
        path.write_bytes(mutant(kind.whole, rng))
        yield f"at {i}"
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)  # of a processor: whoever takes so long is ended
        try:
            kind.read(path)
        except (BeableError, MemoryError):
            pass
        except BaseException as error:
            yield f"{kind.name} {seed}/{i}: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    yield f"at {first + number}"
