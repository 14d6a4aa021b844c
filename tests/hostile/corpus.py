"""Files that attack or surprise: what someone could publish, or a disk could make of an honest file.

Every case makes its files in a folder of its own, from nothing but the two artefacts that all share, a small data set
and a small run, and names the command lines that meet them. Run as a program it makes the whole corpus: python
corpus.py FOLDER. Nothing is drawn at random, so that the same files come out each time.
"""

import io
import json
import os
import shutil
import socket
import struct
import sys
import warnings
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from beable.files import array_files, artefacts

ROWS, SIDE = 24, 5
#: numbers of a file that nobody named, which may come out nowhere
SECRET = 271828.0
MEBIBYTE = 2**20


class Case(NamedTuple):
    """A hostile file.

    Args:
        name: kind and number.
        make: writes it into a folder.
        lines: command lines that meet it there.
        harmless: whether it may be read, if nothing else happens.
    """

    name: str
    make: Callable[[Path], object]
    lines: tuple[str, ...]
    harmless: bool = False


class Evil:
    """What becomes of this when it is unpickled is a file named canary."""

    def __reduce__(self):
        return os.system, ("touch canary",)


CASES: list[Case] = []


def case(*lines: str, harmless: bool = False, kind: str = "") -> Callable[[Callable[[Path], object]], Any]:
    """Put a maker of files into the corpus."""

    def put(make: Callable[[Path], object]) -> Callable[[Path], object]:
        CASES.append(Case(f"{kind}{make.__name__}", make, lines, harmless))
        return make

    return put


def each(kind: str, makers: dict[str, Callable[[Path], object]], *lines: str, harmless: tuple[str, ...] = ()) -> None:
    """Put makers of one kind, which the same command lines meet, into the corpus."""
    for name, make in makers.items():
        CASES.append(Case(f"{kind}: {name}", make, lines, name in harmless))


# What lies in place of a file


def fifo(name: str, folder: Path) -> None:
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)


def zero(name: str, folder: Path) -> None:
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to("/dev/zero")


def listening(name: str, folder: Path) -> None:
    here = os.getcwd()
    os.chdir(folder)  # the name of a socket may have 107 bytes
    try:
        with socket.socket(socket.AF_UNIX) as end:
            end.bind(name)
    finally:
        os.chdir(here)


def nowhere(name: str, folder: Path) -> None:
    (folder / name).symlink_to("not-there")


SPECIAL = {"pipe": fifo, "device": zero, "socket": listening, "broken link": nowhere}
for suffix in ("csv", "tsv", "npy", "npz", "h5", "nc", "zarr"):
    for what, put in list(SPECIAL.items()) if suffix in ("csv", "npz") else [("pipe", fifo), ("device", zero)]:
        each(suffix, {what: partial(put, f"x.{suffix}")}, f"import x.{suffix} -o out")
for what, put in SPECIAL.items():
    each("toml", {what: partial(put, "x.toml")}, "fit good.zarr -o out --config x.toml")
    each("table", {what: partial(put, "x.csv")}, "simulate darcy --rows 3 --factors table --table x.csv -o out")
    each("study file", {what: partial(put, "x.csv")}, "study run packing-table --file table=x.csv -o out")
each("array", {"pipe": partial(fifo, "x.npy"), "device": partial(zero, "x.npy")},
     "design darcy --match pressure=x.npy -o out",
     "simulate darcy --rows 3 --factors correlated-gaussian --covariance x.npy -o out")  # fmt: skip


# npy and npz


def write(name: str, data: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(data)


def npy(header: str, body: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    text = header.encode() + b"\n"
    length = struct.pack("<H" if version[0] == 1 else "<I", len(text))
    return b"\x93NUMPY" + version + length + text + body


def described(shape: str, dtype: str = "'<f8'", more: str = "") -> str:
    return f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}{more}}}"


def zipped(*members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of two members of one name
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data)  # without the date
    return out.getvalue()


def saved(*arrays: Any) -> list[bytes]:
    found = []
    for array in arrays:
        out = io.BytesIO()
        np.lib.format.write_array(out, np.asarray(array), allow_pickle=True)
        found.append(out.getvalue())
    return found


def of_zeros(mebibytes: int, bits: int) -> bytes:
    """A stream that inflates to so many zeros, made of one block again and again; bits as zlib has them."""
    press = zlib.compressobj(9, zlib.DEFLATED, bits)
    first = press.compress(bytes(MEBIBYTE)) + press.flush(zlib.Z_FULL_FLUSH)
    block = press.compress(bytes(MEBIBYTE)) + press.flush(zlib.Z_FULL_FLUSH)
    return first + block * (mebibytes - 1) + press.flush()


def bomb(mebibytes: int) -> bytes:
    """An archive of one array of zeros, a thousandth of its size."""
    numbers = mebibytes * MEBIBYTE - 128
    head = npy(described(f"(24, {numbers // 8 // 24})").ljust(117))
    press = zlib.compressobj(9, zlib.DEFLATED, -15)
    stream = press.compress(head) + press.flush(zlib.Z_FULL_FLUSH) + of_zeros(mebibytes, -15)
    size = len(head) + numbers // 8 // 24 * 24 * 8
    name = b"u.npy"
    about = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0, 0, len(stream), size, len(name), 0)
    local = b"PK\x03\x04" + about + name
    central = b"PK\x01\x02" + struct.pack("<H", 20) + about + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local) + len(stream), 0)
    return local + stream + central + end


PLAIN = np.linspace(0, 1, ROWS * SIDE * SIDE).reshape(ROWS, SIDE, SIDE)
OBJECTS, WHOLE = saved(np.array([Evil()], object), PLAIN)
each(
    "npy",
    {
        "pickle": write("x.npy", OBJECTS),
        "pickle alone": write("x.npy", b"\x80\x04cposix\nsystem\n(X\x0c\x00\x00\x00touch canarytR."),
        "shape that is code": write("x.npy", npy(described("__import__('os').system('touch canary')"))),
        "format that is code": write("x.npy", npy(described("(3,)", "__import__('os').system('touch canary')"))),
        "four terabytes": write("x.npy", npy(described("(500000000000,)"), b"12345678")),
        "negative shape": write("x.npy", npy(described("(-3, 4)"), bytes(96))),
        "overflowing shape": write("x.npy", npy(described("(4294967296, 4294967296, 4294967296)"), bytes(64))),
        "nested header": write("x.npy", npy("(" * 9000 + ")" * 9000)),
        "long header": write("x.npy", npy("{" + " " * 900_000 + "}", version=b"\x02\x00")),
        "unknown key": write("x.npy", npy(described("(3,)", more=", 'more': 1"), bytes(24))),
        "cut short": write("x.npy", WHOLE[:-9]),
        "archive in it": write("x.npy", zipped(("a.npy", OBJECTS))),
        "empty": write("x.npy", b""),
    },
    "import x.npy -o out",
)


@case("import x.npy -o out", kind="npy: ")
def holes(folder: Path) -> None:
    with open(folder / "x.npy", "wb") as file:
        file.write(npy(described("(1000000, 100000)")))
        file.truncate(800_000_000_000)


each(
    "npz",
    {
        "pickle": write("x.npz", zipped(("u.npy", OBJECTS))),
        "two of one name": write("x.npz", zipped(("u.npy", WHOLE), ("u.npy", WHOLE))),
        "way out": write("x.npz", zipped(("../../u.npy", WHOLE), ("/etc/v.npy", WHOLE))),
        "bomb": write("x.npz", bomb(3000)),
        "bomb of half a gigabyte": write("x.npz", bomb(450)),
        "shape larger than its bytes": write(
            "x.npz", zipped(("u.npy", npy(described("(1000, 1000, 1000)"), bytes(64))))
        ),
        "no archive": write("x.npz", b"PK\x03\x04" + bytes(200)),
        "directory that lies elsewhere": write("x.npz", zipped(("u.npy", WHOLE))[:-10] + b"\xff" * 10),
        "no arrays": write("x.npz", zipped(("u.txt", b"words"))),
        "markup for a name": write("x.npz", zipped(("<script>x\x1b[2J.npy", WHOLE))),
        "scalars": write("x.npz", zipped(*((f"{c}.npy", saved(1.0)[0]) for c in "abc"))),
    },
    "import x.npz -o out",
    harmless=("way out", "markup for a name"),
)


@case("import x.npz -o out", kind="npz: ")
def many_members(folder: Path) -> None:
    one = saved(np.zeros(3))[0]
    (folder / "x.npz").write_bytes(zipped(*((f"a{i}.npy", one) for i in range(20_000))))


# HDF5 and NetCDF 4


def hdf5(fill: Callable[[Any, Path], object], name: str = "x.h5") -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        import h5py

        with h5py.File(folder / "private.h5", "w") as file:
            file["u"] = np.full((ROWS, SIDE, SIDE), SECRET)
        (folder / "private.bin").write_bytes(np.full((ROWS, SIDE, SIDE), SECRET).tobytes())
        with h5py.File(folder / name, "w") as file:
            fill(file, folder)

    return make


def _external_link(file: Any, folder: Path) -> None:
    import h5py

    file["u"] = h5py.ExternalLink(str(folder / "private.h5"), "u")


def _external_storage(file: Any, folder: Path) -> None:
    file.create_dataset("u", (ROWS, SIDE, SIDE), "f8", external=[(str(folder / "private.bin"), 0, ROWS * SIDE**2 * 8)])


def _virtual(file: Any, folder: Path) -> None:
    import h5py

    layout = h5py.VirtualLayout((ROWS, SIDE, SIDE), "f8")
    layout[:] = h5py.VirtualSource(str(folder / "private.h5"), "u", (ROWS, SIDE, SIDE))
    file.create_virtual_dataset("u", layout)


def _soft_way_out(file: Any, folder: Path) -> None:
    import h5py

    file["there"] = h5py.ExternalLink(str(folder / "private.h5"), "/")
    file["u"] = h5py.SoftLink("/there/u")
    file["v"] = PLAIN


def _gzip_bomb(file: Any, folder: Path) -> None:
    there = file.create_dataset("u", (350, 1000, 1000), "f8", chunks=(1, 1000, 1000), compression="gzip")
    chunk = zlib.compress(bytes(8_000_000), 9)
    for i in range(350):
        there.id.write_direct_chunk((i, 0, 0), chunk)


def _loop(file: Any, folder: Path) -> None:
    file.create_group("a/b")["back"] = file["/"]
    file["u"] = PLAIN


def _twice(file: Any, folder: Path) -> None:
    file.create_dataset("u0", (1000, 1000, 20), "f8", chunks=(1000, 1000, 1))
    for i in range(1, 50):
        file[f"u{i}"] = file["u0"]


def _deep(file: Any, folder: Path) -> None:
    place = file
    for _ in range(600):
        place = place.create_group("g")
    place["u"] = PLAIN


def _many(file: Any, folder: Path) -> None:
    for i in range(12_000):
        file.create_dataset(f"a{i}", (3,), "f4")


def _coordinate(file: Any, folder: Path) -> None:
    file["u"] = PLAIN
    x = file.create_dataset("x", (10**10,), "f8", chunks=(10**5,))
    x.make_scale("x")
    file["u"].dims[1].attach_scale(x)


def _nan_coordinate(file: Any, folder: Path) -> None:
    file["u"] = PLAIN
    file["x"] = np.full(SIDE, np.nan)
    file["x"].make_scale("x")
    file["u"].dims[1].attach_scale(file["x"])


def _attributes(file: Any, folder: Path) -> None:
    file["u"] = PLAIN
    for name in ("units", "scale_factor", "add_offset", "_FillValue", "valid_range", "coordinates", "bounds"):
        file["u"].attrs[name] = np.array([b"\xff\x00<script>", b"x"])


def _objects(file: Any, folder: Path) -> None:
    import h5py

    file.create_dataset("u", (ROWS,), h5py.string_dtype())
    file.create_dataset("v", (ROWS,), h5py.vlen_dtype(np.float64))


each(
    "hdf5",
    {
        "external link": hdf5(_external_link),
        "external storage": hdf5(_external_storage),
        "virtual": hdf5(_virtual),
        "soft link that leads out": hdf5(_soft_way_out),
        "declares 5.6 GB": hdf5(lambda f, _: f.create_dataset("u", (700_000, 1000), "f8", chunks=(1000, 1000))),
        "declares an exabyte": hdf5(lambda f, _: f.create_dataset("u", (2**40, 2**17), "f8", chunks=(1000, 1000))),
        "gzip bomb": hdf5(_gzip_bomb),
        "groups in a circle": hdf5(_loop),
        "one array by fifty names": hdf5(_twice),
        "six hundred groups deep": hdf5(_deep),
        "12,000 arrays": hdf5(_many),
        "a coordinate of 80 GB": hdf5(_coordinate),
        "a coordinate of NaN": hdf5(_nan_coordinate),
        "attributes of the wrong kind": hdf5(_attributes),
        "words and lists": hdf5(_objects),
        "cut short": lambda folder: (hdf5(lambda f, _: f.create_dataset("u", data=PLAIN))(folder),
                                     os.truncate(folder / "x.h5", 900)),
        "signature alone": write("x.h5", b"\x89HDF\r\n\x1a\n" + bytes(600)),
        "text": write("x.h5", b"no HDF5 at all"),
    },
    "import x.h5 -o out",
    "import x.h5 --dry-run",
    harmless=("soft link that leads out", "groups in a circle", "a coordinate of NaN", "attributes of the wrong kind"),
)  # fmt: skip


def netcdf3(lengths: int, begin: int = 0) -> bytes:
    """A NetCDF 3 file of one variable whose header declares so many numbers."""
    name = struct.pack(">I", 1) + b"x\0\0\0"
    dims = struct.pack(">II", 10, 1) + name + struct.pack(">I", lengths)
    about = struct.pack(">I", 1) + b"u\0\0\0" + struct.pack(">II", 1, 0) + struct.pack(">II", 0, 0)
    var = struct.pack(">II", 11, 1) + about + struct.pack(">II", 6, min(lengths * 8, 2**31 - 4))
    head = b"CDF\x01" + struct.pack(">I", 0) + dims + struct.pack(">II", 0, 0) + var
    return head + struct.pack(">I", begin or len(head) + 4) + bytes(64)


each(
    "netcdf",
    {
        "header alone": write("x.nc", b"CDF\x01"),
        "declares 16 GB": write("x.nc", netcdf3(2**31 - 1)),
        "begins beyond the end": write("x.nc", netcdf3(8, 2**31 - 1)),
        "negative lengths": write("x.nc", b"CDF\x01" + b"\xff" * 64),
        "2^32 dimensions": write("x.nc", b"CDF\x01" + struct.pack(">III", 0, 10, 2**32 - 1) + bytes(64)),
        "external link": hdf5(_external_link, "x.nc"),
    },
    "import x.nc -o out",
)


# Zarr

BYTES = {"name": "bytes", "configuration": {"endian": "little"}}
GZIP = {"name": "gzip", "configuration": {"level": 5}}


def zarr3(
    folder: Path,
    shape: Any = (ROWS, SIDE, SIDE),
    chunk: Any = None,
    codecs: Any = (BYTES,),
    chunks: Any = None,
    **more: Any,
) -> Path:
    """A group of one array of format 3, its metadata as given, true or not."""
    there = folder / "x.zarr" / "u"
    there.mkdir(parents=True)
    (folder / "x.zarr" / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group", "attributes": {}}')
    about = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": shape,
        "data_type": "float64",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunk or shape}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}},
        "fill_value": 0.0,
        "codecs": list(codecs),
        "attributes": {},
    }
    (there / "zarr.json").write_text(json.dumps(about | more))
    for name, data in ({"c.0.0.0": PLAIN.tobytes()} if chunks is None else chunks).items():
        (there / name).write_bytes(data)
    return there


def zarr2(folder: Path, **more: Any) -> None:
    there = folder / "x.zarr" / "u"
    there.mkdir(parents=True)
    (folder / "x.zarr" / ".zgroup").write_text('{"zarr_format": 2}')
    about = {"zarr_format": 2, "shape": [ROWS, SIDE], "chunks": [ROWS, SIDE], "dtype": "<f8", "compressor": None,
             "fill_value": 0.0, "order": "C", "filters": None}  # fmt: skip
    (there / ".zarray").write_text(json.dumps(about | more))
    (there / "0.0").write_bytes(OBJECTS[-60:] if more.get("filters") else PLAIN.tobytes()[: ROWS * SIDE * 8])


def _private(folder: Path) -> Path:
    (folder / "private.bin").write_bytes(np.full((ROWS, SIDE, SIDE), SECRET).tobytes())
    return folder / "private.bin"


def _chunk_link(folder: Path) -> None:
    (zarr3(folder, chunks={}) / "c.0.0.0").symlink_to(_private(folder))


def _folder_link(folder: Path) -> None:
    there = zarr3(folder, chunks={})
    shutil.rmtree(there)
    zarr3(folder / "private")
    there.symlink_to(folder / "private" / "x.zarr" / "u")


def _link_to_a_copy(folder: Path) -> None:
    there = zarr3(folder)
    (there / "c.0.0.0").rename(there / "numbers")
    (there / "c.0.0.0").symlink_to("numbers")


def _group(text: bytes) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        zarr3(folder)
        (folder / "x.zarr" / "zarr.json").write_bytes(text)

    return make


HUGE = {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1, 1, 1]}}}
each(
    "zarr",
    {
        "chunk is a link that leads out": _chunk_link,
        "array is a link that leads out": _folder_link,
        "chunk is a link inside": _link_to_a_copy,
        "chunk is a pipe": lambda folder: fifo("c.0.0.0", zarr3(folder)),
        "chunk is a device": lambda folder: zero("c.0.0.0", zarr3(folder)),
        "metadata are a pipe": lambda folder: (zarr3(folder), fifo("x.zarr/zarr.json", folder)),
        "metadata are a device": lambda folder: (zarr3(folder), zero("x.zarr/zarr.json", folder)),
        "metadata are a socket": lambda folder: (zarr3(folder), (folder / "x.zarr/zarr.json").unlink(),
                                                 listening("x.zarr/zarr.json", folder)),
        "gzip bomb": lambda folder: zarr3(folder, codecs=(BYTES, GZIP), chunks={"c.0.0.0": of_zeros(3300, 31)}),
        "declares 8 TB": lambda folder: zarr3(folder, (10**6, 10**6, 1), (10**3, 10**3, 1), chunks={}),
        "declares 10^30 numbers": lambda folder: zarr3(folder, (10**10, 10**10, 10**10), (1, 1, 1), chunks={}),
        "chunks of one number": lambda folder: zarr3(folder, (3000, 300, 100), (1, 1, 1), chunks={}),
        "chunk of the wrong size": lambda folder: zarr3(folder, chunks={"c.0.0.0": b"1234567"}),
        "negative shape": lambda folder: zarr3(folder, (-1, 5, 5), (1, 5, 5)),
        "no shape": lambda folder: zarr3(folder, None, (1, 5, 5)),
        "codec that is code": lambda folder: zarr3(folder, codecs=({"name": "os.system", "configuration": {}},)),
        "pickle codec": lambda folder: zarr3(folder, codecs=({"name": "numcodecs.pickle", "configuration": {}},)),
        "format 2, pickle filter": lambda folder: zarr2(folder, dtype="|O", filters=[{"id": "pickle"}]),
        "format 2, object": lambda folder: zarr2(folder, dtype="|O", filters=[{"id": "json2"}]),
        "format 2, unknown": lambda folder: zarr2(folder, compressor={"id": "os.system", "command": "touch canary"}),
        "format 4": lambda folder: zarr3(folder, zarr_format=4),
        "names of axes that are numbers": lambda folder: zarr3(folder, dimension_names=[1, None, {"a": 2}]),
        "deep metadata": _group(b'{"zarr_format": 3, "attributes": ' + b"[" * 50_000 + b"]" * 50_000),
        "text for metadata": _group(b"\xff\xfe no JSON"),
        "no metadata": lambda folder: (zarr3(folder), (folder / "x.zarr/zarr.json").unlink()),
        "empty folder": lambda folder: (folder / "x.zarr").mkdir(),
    },
    "import x.zarr -o out",
    harmless=("chunk is a link inside", "no metadata", "names of axes that are numbers"),
)  # fmt: skip


# Text

HEAD = b"p,T,q\n" + b"".join(b"%d,%d,%d\n" % (i, i * i % 7, i % 5) for i in range(ROWS))
each(
    "csv",
    {
        "zero bytes": write("x.csv", b"p,T\n1,\x002\n" * 5),
        "a million columns": write("x.csv", ",".join(f"c{i}" for i in range(10**6)).encode() + b"\n1\n"),
        "a million columns of one name": write("x.csv", b"a," * 10**6 + b"a\n1\n"),
        "ten thousand columns": write("x.csv", ",".join(f"c{i}" for i in range(9999)).encode() + b"\n1\n"),
        "a quote that never ends": write("x.csv", b'p,T\n1,"' + b"2,3\n" * 100_000),
        "one line of 4 MB": write("x.csv", b"7" * 4_000_000),
        "no text": write("x.csv", bytes(range(256)) * 40),
        "no rows": write("x.csv", b"p,T,q\n"),
        "nothing": write("x.csv", b""),
        "rows of other lengths": write("x.csv", HEAD + b"1\n"),
        "formulas for names": write("x.csv", HEAD.replace(b"p,T,q", b"=1+1,@SUM(A1),-2+3")),
        "a number of a million digits": write("x.csv", HEAD + b"9" * 10**6 + b",1,1\n"),
        "infinite numbers": write("x.csv", HEAD + b"1e999,nan,-inf\n"),
    },
    "import x.csv -o out",
    harmless=("formulas for names", "no rows", "one line of 4 MB", "rows of other lengths"),
)

each(
    "table",
    {
        "words": write("x.csv", b"a,b\nc,d\n"),
        "other lengths": write("x.csv", b"1,2\n1\n"),
        "infinite": write("x.csv", b"1e999,nan\n" * 3),
        "nothing": write("x.csv", b""),
        "no text": write("x.csv", b"\xff\xfe\x00" * 50),
    },
    "simulate darcy --rows 3 --factors table --table x.csv -o out --grid 9",
    "simulate darcy --rows 3 --factors correlated-gaussian --covariance x.csv -o out --grid 9",
)
each(
    "array",
    {
        "pickle": write("x.npy", OBJECTS),
        "four terabytes": write("x.npy", npy(described("(500000000000,)"), b"12345678")),
        "code": write("x.npy", npy(described("__import__('os').system('touch canary')"))),
        "not positive": write("x.npy", saved(np.array([[1.0, 2.0], [2.0, 1.0]]))[0]),
        "cube": write("x.npy", saved(np.ones((2, 2, 2)))[0]),
    },
    "simulate darcy --rows 3 --factors correlated-gaussian --covariance x.npy -o out --grid 9",
    "design darcy --match pressure=x.npy -o out --set grid=9",
)

each(
    "toml",
    {
        "a name of 20,000 parts": write("x.toml", b".".join([b"a"] * 20_000) + b" = 1\n"),
        "a table of 20,000 parts": write("x.toml", b"[" + b".".join([b"'a'"] * 20_000) + b"]\n"),
        "5,000 digits": write("x.toml", b"a = " + b"9" * 5000),
        "5,000 brackets": write("x.toml", b"a = " + b"[" * 5000),
        "5,000 tables in tables": write("x.toml", b"a = " + b"{b = " * 5000),
        "a date": write("x.toml", b"training = 2020-01-01\n"),
        "a date inside": write("x.toml", b"[training]\nsteps = 2020-01-01T00:00:00Z\n"),
        "infinite": write("x.toml", b"[training]\nlearning_rate = inf\n"),
        "no number": write("x.toml", b"[training]\nlearning_rate = nan\n"),
        "a number for a table": write("x.toml", b"training = 1\n"),
        "a list for a table": write("x.toml", b"training = [1, 2]\n"),
        "a word for a number": write("x.toml", b'[model]\nlatents = "__import__"\n'),
        "latents that fit nowhere": write("x.toml", b"[model]\nlatents = 1000000000\n"),
        "a width that fits nowhere": write("x.toml", b"[model]\nwidth = 1000000000\n"),
        "a depth that fits nowhere": write("x.toml", b"[model]\ndepth = 1000000000\n"),
        "2 megabytes": write("x.toml", b"# " + b"x" * 2_000_000),
        "a name twice": write("x.toml", b"[training]\nsteps = 1\nsteps = 2\n"),
        "class path": write("x.toml", b'[model]\n_target_ = "os.system"\n'),
        "no text": write("x.toml", b"\xff\xfe" * 99),
        "a folder": lambda folder: (folder / "x.toml").mkdir(),
    },
    "fit good.zarr -o out --config x.toml --steps 3",
)
each(
    "words",
    {"a name of 20,000 parts": lambda folder: None},
    "fit good.zarr -o out --set " + ".".join("a" * 20_000) + "=1",
)
each(
    "study",
    {"none": lambda folder: None},
    "study run ../../etc/passwd -o out",
    "study run os.system -o out",
    "study show __class__",
    "study run darcy-paper --preset ../x -o out",
    "study run darcy-paper --set run.__class__=1 -o out",
    "study run packing-table --file table=/etc/../etc -o out",
)


# Forged data sets


def forged_store(change: Callable[[Path, dict[str, Any]], Any], array: str = "") -> Callable[[Path], object]:
    """A copy of the data set with other metadata, under a new manifest."""

    def make(folder: Path) -> None:
        there = folder / "x.zarr"
        shutil.copytree(folder / "good.zarr", there)
        about = artefacts.read_manifest(there)
        path = there / array / "zarr.json"
        tree = json.loads(path.read_text())
        found = change(there, tree)
        path.write_text(json.dumps(tree if found is None else found))
        artefacts.seal(there, about.kind, about.version, about.about)

    return make


def put(*path: Any, value: Any) -> Callable[[Path, dict[str, Any]], None]:
    def change(there: Path, tree: dict[str, Any]) -> None:
        place: Any = tree
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = value

    return change


def _about(**changes: Any) -> Callable[[Path], object]:
    """A data set whose manifest says something else of it."""

    def make(folder: Path) -> None:
        there = folder / "x.zarr"
        shutil.copytree(folder / "good.zarr", there)
        about = artefacts.read_manifest(there)
        artefacts.seal(there, about.kind, about.version, {**about.about, **changes})

    return make


def _manifest(change: Callable[[dict[str, Any]], object], artefact: str = "good.zarr") -> Callable[[Path], object]:
    """A copy of an artefact with another manifest, its own sum made anew."""

    def make(folder: Path) -> None:
        there = folder / ("x.zarr" if artefact == "good.zarr" else "x")
        shutil.copytree(folder / artefact, there)
        body = json.loads((there / "manifest.json").read_text())
        del body["sha256"]
        change(body)
        (there / "manifest.json").write_bytes(artefacts._signed(body, there))

    return make


def _in_store(put_there: Callable[[str, Path], None], name: str) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        shutil.copytree(folder / "good.zarr", folder / "x.zarr")
        put_there(name, folder / "x.zarr")

    return make


CHUNK = ("chunk_grid", "configuration", "chunk_shape")
each(
    "store",
    {
        "10^12 rows": forged_store(put("attributes", "rows", value=10**12)),
        "10^12 rows in an array": forged_store(put("shape", value=[10**12, SIDE, SIDE]), "u"),
        "a chunk of 10^12 rows": forged_store(put(*CHUNK, value=[10**12, 5, 5]), "u"),
        "blocks of nothing": forged_store(put("attributes", "block", value=0)),
        "objects": forged_store(put("data_type", value="object"), "u"),
        "compressed": forged_store(put("codecs", value=[BYTES, GZIP]), "u"),
        "variables that are not there": forged_store(put("attributes", "variables", value=["u", "v"])),
        "variables that are lists": forged_store(put("attributes", "variables", value=[["u"], {"a": 1}])),
        "variables that lead out": forged_store(put("attributes", "variables", value=["../u"])),
        "settings that are a list": forged_store(put("attributes", "settings", value=[1, 2])),
        "a seed in words": forged_store(put("attributes", "seed", value="many")),
        "a title that is a tree": forged_store(put("attributes", "title", value={"a": {"b": 1}})),
        "an unknown simulator": forged_store(put("attributes", "simulator", value="os.system")),
        "versions that are words": forged_store(put("attributes", "versions", value="1")),
        "a list for the group": forged_store(lambda there, tree: [1, 2]),
        "nothing for the group": forged_store(lambda there, tree: {}),
        "a unit that is a tree": forged_store(put("attributes", "units", value={"a": [1]}), "u"),
        "factors without names": forged_store(put("attributes", "names", value=[]), "factors"),
        "ranges that are words": forged_store(put("attributes", "ranges", value=["a"]), "factors"),
        "a symbol that is a list": forged_store(put("attributes", "symbols", value=[["a"], {"b": 1}]), "factors"),
        "a diagnostic that is a word": forged_store(put("attributes", "diagnostic", value="no"), "u"),
        "components that are no list": forged_store(put("attributes", "components", value=7), "u"),
        "failures in words": _about(failures={"many": "reason"}),
        "failures of rows that are not there": _about(failures={"10000000000": "reason"}),
        "failures that are a list": _about(failures=[1]),
        "an assessment that is a list": _about(assessment=[1, 2]),
        "an assessment of lists": _about(assessment={"equilibrated": [1], "reasons": 3}),
        "a way out": _manifest(lambda body: body["files"].update({"../private": {"bytes": 1, "sha256": "0" * 64}})),
        "files that are a list": _manifest(lambda body: body.update(files=[1])),
        "a size that is a word": _manifest(lambda body: body["files"]["zarr.json"].update(bytes="many")),
        "another kind": _manifest(lambda body: body.update(kind="os.system")),
        "a chunk is a link": _in_store(zero, "u/c.0.0.0"),
        "a chunk is a pipe": _in_store(fifo, "u/c.0.0.0"),
        "the manifest is a pipe": _in_store(fifo, "manifest.json"),
        "the manifest is a device": _in_store(zero, "manifest.json"),
        "the group is a pipe": _in_store(fifo, "zarr.json"),
    },
    "data info x.zarr",
    "verify x.zarr",
    "score run x.zarr",
    harmless=("an unknown simulator", "a unit that is a tree", "a title that is a tree", "a diagnostic that is a word",
              "a symbol that is a list", "versions that are words", "a seed in words", "an assessment of lists"),
)  # fmt: skip


# Forged runs


def forged_run(change: Callable[[Path, dict[str, Any]], Any]) -> Callable[[Path], object]:
    """A copy of the run whose record says something else, under a new manifest."""

    def make(folder: Path) -> None:
        there = folder / "x"
        shutil.copytree(folder / "run", there)
        about = artefacts.read_manifest(there)
        tree = json.loads((there / "run.json").read_text())
        found = change(there, tree)
        data = found if isinstance(found, bytes) else json.dumps(tree if found is None else found).encode()
        (there / "run.json").write_bytes(data)
        artefacts.seal(there, about.kind, about.version, about.about)

    return make


def forged_arrays(change: Callable[[dict[str, Any]], Any], name: str = "state") -> Callable[[Path], object]:
    """A copy of the run with other arrays, under a new manifest."""

    def make(folder: Path) -> None:
        there = folder / "x"
        shutil.copytree(folder / "run", there)
        about, path = artefacts.read_manifest(there), there / f"{name}.safetensors"
        arrays = array_files.read_arrays(path)
        found = change(arrays)
        if isinstance(found, bytes):
            path.write_bytes(found)
        else:
            array_files.write_arrays(path, arrays if found is None else found)
        artefacts.seal(there, about.kind, about.version, about.about)

    return make


def tensors(header: Any, body: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + body


def _in_run(put_there: Callable[[str, Path], None], name: str) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        shutil.copytree(folder / "run", folder / "x")
        put_there(name, folder / "x")

    return make


def setting(*path: str, value: Any) -> Callable[[Path], object]:
    return forged_run(put("settings", *path, value=value))


FIRST = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
PLACE, WORDS = {"from_run": "../../../etc", "given": "/dev/zero"}, {"unit": 1, "length": 2, "values": "a"}
RUNS = {
    "width 10^9": setting("model", "width", value=10**9),
    "latents 10^9": setting("model", "latents", value=10**9),
    "latents 10^400": setting("model", "latents", value=10**400),
    "depth 10^7": setting("model", "depth", value=10**7),
    "hidden layers without end": setting("model", "hidden", value=[1] * 10**5),
    "3,000,000 members": setting("training", "members", value=3 * 10**6),
    "an unknown setting": setting("model", "_target_", value="os.system"),
    "an unknown network": setting("model", "network", value="os.system"),
    "an unknown representation": setting("representation", "kind", value="os.system"),
    "an activation that is code": setting("model", "activation", value="__import__('os').system"),
    "a representation that is a list": setting("representation", value=[1]),
    "modes 10^9": setting("representation", "modes", value=10**9),
    "another prior": setting("model", "prior", value="mixture"),
    "prior options without end": setting("model", "prior_options", value={"components": 10**9}),
    "a latent less": setting("model", "latents", value=1),
    "settings that are a list": forged_run(put("settings", value=[1])),
    "no settings": forged_run(lambda there, tree: tree.pop("settings") and None),
    "no members": forged_run(put("members", value=[])),
    "members in words": forged_run(put("members", value=["a", "b"])),
    "an unknown variable": forged_run(put("variables", value=["v"])),
    "no variables": forged_run(put("variables", value=[])),
    "variables that are a word": forged_run(put("variables", value="u")),
    "held rows in words": forged_run(put("held_rows", value=["many"])),
    "held rows that are not there": forged_run(put("held_rows", value=[10**9])),
    "negative rows": forged_run(put("train_rows", value=[-5])),
    "no shapes": forged_run(put("shapes", value={})),
    "shapes without end": forged_run(put("shapes", value={"u": [10**9, 10**9]})),
    "negative shapes": forged_run(put("shapes", value={"u": [-5, -5]})),
    "steps in words": forged_run(put("steps", value="many")),
    "steps beyond": forged_run(put("steps", value=10**9)),
    "best steps beyond": forged_run(put("best_steps", value=[10**9, 10**9])),
    "a store that is a list": forged_run(put("store", value=[1])),
    "a place that is a list": forged_run(put("store_place", value=[1])),
    "a place that leads anywhere": forged_run(put("store_place", value=PLACE)),
    "dims that are numbers": forged_run(put("dims", value={"u": [1, 2]})),
    "units that are lists": forged_run(put("units", value={"u": [1]})),
    "declared that is a word": forged_run(put("declared", value="x")),
    "coordinates of words": forged_run(put("declared", value={"coordinates": {"x": WORDS}})),
    "versions that are a list": forged_run(put("versions", value=[1])),
    "look that is a word": forged_run(put("look", value="x")),
    "look of other things": forged_run(put("look", value=[{"kind": {"a": 1}}])),
    "strangers that are a word": forged_run(put("strangers", value="x")),
    "held out that is a word": forged_run(put("held_out", value="x")),
    "labels that are a word": forged_run(put("labels", value="x")),
    "a list for the record": forged_run(lambda there, tree: [1]),
    "a number for the record": forged_run(lambda there, tree: 7),
    "nothing for the record": forged_run(lambda there, tree: {}),
    "a key twice": forged_run(lambda there, tree: json.dumps(tree).encode()[:-1] + b', "steps": 1}'),
    "no number": forged_run(lambda there, tree: b'{"settings": NaN}'),
    "deep": forged_run(lambda there, tree: b"[" * 200_000 + b"]" * 200_000),
    "wide": forged_run(put("train_rows", value=list(range(10**5)))),
    "the record is a pipe": _in_run(fifo, "run.json"),
    "the state is a device": _in_run(zero, "state.safetensors"),
    "the manifest is a pipe": _in_run(fifo, "manifest.json"),
    "no arrays": forged_arrays(lambda arrays: {}),
    "half of the arrays": forged_arrays(lambda arrays: dict(list(arrays.items())[::2])),
    "an array more": forged_arrays(lambda arrays: arrays | {"vae/more": np.zeros(3, "f4")}),
    "other formats": forged_arrays(lambda arrays: {n: a.astype("i8") for n, a in arrays.items()}),
    "other shapes": forged_arrays(lambda arrays: {n: a.reshape(-1)[:1] for n, a in arrays.items()}),
    "no numbers": forged_arrays(lambda arrays: {n: a * np.float32("nan") for n, a in arrays.items()}),
    "no history": forged_arrays(lambda arrays: {}, "history"),
    "a history of other steps": forged_arrays(lambda arrays: arrays | {"step": arrays["step"] + 1}, "history"),
    "a history in words": forged_arrays(lambda arrays: b"words", "history"),
    "a header of 2^63 bytes": forged_arrays(lambda arrays: tensors(b"{}", length=2**63)),
    "a header that is a list": forged_arrays(lambda arrays: tensors([1])),
    "a tensor that is a list": forged_arrays(lambda arrays: tensors({"vae/a": [1]})),
    "overlapping tensors": forged_arrays(lambda arrays: tensors({"a": FIRST, "b": FIRST}, bytes(8))),
    "an unknown format": forged_arrays(lambda arrays: tensors({"a": FIRST | {"dtype": "os"}}, bytes(8))),
    "a shape of 2^62": forged_arrays(lambda arrays: tensors({"a": FIRST | {"shape": [0, 2**62]}}, bytes(8))),
    "a deep header": forged_arrays(lambda arrays: tensors(b"[" * 100_000)),
    "another kind": _manifest(lambda body: body.update(kind="beable-store"), "run"),
    "about that is empty": _manifest(lambda body: body.update(about={}), "run"),
    "about of other things": _manifest(lambda body: body["about"].update(made=[1], cpu_seconds="x"), "run"),
}  # fmt: skip
each(
    "run",
    RUNS,
    "score x good.zarr",
    "show x --json",
    "verify x",
    harmless=("a place that leads anywhere", "look of other things", "held rows that are not there", "wide",
              "dims that are numbers", "negative rows"),
)  # fmt: skip


# Files of studies, results and pages


def _study(value: Any) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        (folder / "x").mkdir()
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        (folder / "x" / "study.json").write_bytes(data)

    return make


ASKED = {"study": {"name": "a"}, "preset": "quick", "files": [], "changes": {}}
each(
    "study folder",
    {
        "a list": _study([1]),
        "a number": _study(7),
        "nothing": _study({}),
        "words": _study(ASKED | {"study": "x"}),
        "half a study": _study(ASKED),
        "files that are numbers": _study(ASKED | {"files": [1]}),
        "changes that are a list": _study(ASKED | {"changes": [1]}),
        "deep": _study(b"[" * 100_000),
        "no text": _study(b"\xff\xfe"),
        "a pipe": lambda folder: ((folder / "x").mkdir(), fifo("x/study.json", folder)),
        "a device": lambda folder: ((folder / "x").mkdir(), zero("x/study.json", folder)),
    },
    "study report x",
    "show x",
    "verify x",
)


def _result(value: Any) -> Callable[[Path], object]:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return write("x.json", data)


each(
    "results",
    {
        "a list": _result([1]),
        "empty": _result({"study": {}, "parts": {}}),
        "lists": _result({"study": [], "parts": []}),
        "words": _result({"study": "x", "parts": "y", "preset": [1]}),
        "parts of numbers": _result({"study": {"name": "a"}, "parts": [1, 2], "preset": "quick"}),
        "deep": _result(b"[" * 100_000),
        "a pipe": partial(fifo, "x.json"),
        "a device": partial(zero, "x.json"),
    },
    "show x.json",
    "verify x.json",
)


@case("verify x", "show x", kind="pages: ", harmless=True)
def forged_note(folder: Path) -> None:
    shutil.copytree(folder / "run", folder / "x")
    (folder / "x" / "pages.json").write_text(json.dumps({"kind": [1], "files": 7}))


@case("verify x", kind="pages: ")
def note_is_a_pipe(folder: Path) -> None:
    shutil.copytree(folder / "run", folder / "x")
    fifo("x/pages.json", folder)


def main(where: Path) -> None:
    """Make the whole corpus, but for the artefacts that forged ones are copied from, which must lie there."""
    for number, one in enumerate(CASES):
        folder = where / f"{number:03d}"
        folder.mkdir(parents=True)
        for shared in ("good.zarr", "run"):
            (folder / shared).symlink_to(where / shared)
        one.make(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
