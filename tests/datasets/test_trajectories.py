"""Trajectories become data sets: particles keep names and places, the box of each frame is kept, nothing is guessed."""

import json

import numpy as np
import pytest

from beable.commands import cli
from beable.datasets.frames import kind_of
from beable.datasets.importing import import_file
from beable.datasets.store import Store
from beable.datasets.structures import write_frames
from beable.datasets.superposed import deviation, gyration, superposed
from beable.datasets.trajectories import Treated, import_trajectory, read_trajectory, unwrapped
from beable.errors import DataError, DataWarning, UsageError

FRAMES, N, SIDE = 12, 9, 6.0
RNG = np.random.default_rng(9)
SITES = (np.stack(np.meshgrid(*[np.arange(3)] * 2, indexing="ij"), -1).reshape(-1, 2) + 0.5) * SIDE / 3
#: a crystal that drifts by a third of its box from frame to frame
FREE = SITES + 0.05 * RNG.normal(size=(FRAMES, N, 2)) + np.arange(FRAMES)[:, None, None] * np.array([2.0, 0.5])
FREE = np.concatenate([FREE, np.zeros((FRAMES, N, 1))], axis=2)
WRAPPED = FREE % np.array([SIDE, SIDE, 1.0])


def dump(path, frames=WRAPPED, units=""):
    """A LAMMPS dump with scaled places, its particles in any order."""
    with open(path, "w") as file:
        for i, x in enumerate(frames):
            file.write(f"{units}ITEM: TIMESTEP\n{i}\nITEM: NUMBER OF ATOMS\n{len(x)}\n")
            file.write("ITEM: BOX BOUNDS pp pp pp\n0 6\n0 6\n0 1\nITEM: ATOMS id type xs ys zs\n")
            for j in RNG.permutation(len(x)):
                file.write(f"{j + 1} 1 {x[j, 0] / SIDE:.6f} {x[j, 1] / SIDE:.6f} 0\n")
    return path


def extxyz(path, frames=WRAPPED, lattice="6 0 0 0 6 0 0 0 1", pbc="T T F"):
    with open(path, "w") as file:
        for x in frames:
            file.write(f'{len(x)}\nLattice="{lattice}" Properties=species:S:1:pos:R:3 pbc="{pbc}"\n')
            file.writelines(f"Ar {a:.6f} {b:.6f} {c:.6f}\n" for a, b, c in x)
    return path


def h5md(path, **more):
    """H5MD whose group has a name of its own, its particles in any order, told by their identities."""
    h5py = pytest.importorskip("h5py")
    order = np.stack([RNG.permutation(N) for _ in range(FRAMES)])
    with h5py.File(path, "w") as file:
        file.create_group("h5md").attrs["version"] = [1, 1]
        group = file.create_group("particles/argon")
        group["position/value"] = np.take_along_axis(WRAPPED, order[..., None], 1)
        group["position/value"].attrs["unit"] = "Angstrom"
        group["position/time"], group["position/step"] = 0.5 * np.arange(FRAMES), np.arange(FRAMES)
        group["id/value"] = order
        group["box/edges"] = np.array([SIDE, SIDE, 1.0])
        group["box"].attrs["boundary"] = np.array([b"periodic", b"periodic", b"none"])
    return path


FILES = {
    ".lammpstrj": (dump, "MDAnalysis", "1"),
    ".extxyz": (extxyz, "ase", "angstrom"),
    ".h5": (h5md, "h5py", "angstrom"),
}


@pytest.mark.parametrize("suffix", FILES)
def test_particles_in_any_order_and_wrapped_are_read_as_they_are_and_that_they_are_wrapped_is_said(suffix, tmp_path):
    write, library, unit = FILES[suffix]
    pytest.importorskip(library)
    file = write(tmp_path / f"fluid{suffix}")
    with pytest.warns(DataWarning, match=r"wrapped; --unwrap \(Treated\(unwrap=True\)\) follows"):
        store = import_trajectory(file, tmp_path / "a.zarr")
    np.testing.assert_allclose(store.read("positions"), WRAPPED, atol=1e-4)
    position = next(v for v in store.variables if v.name == "positions")
    assert (position.unit, position.dims, position.particles) == (unit, ("particle", "dimension"), "distinct")
    np.testing.assert_allclose(store.read("box"), np.tile([SIDE, SIDE, 1.0], (FRAMES, 1)))
    assert store.constants["periodic"].tolist() == [1, 1, 0]
    assert all(v.diagnostic for v in store.variables if v.name != "positions")


def alternatives(path, letters="AB "):
    """Structures of three particles along a line, the first two in two places of one atom."""
    atom = "ATOM  {:5d}  CA {}ALA A{:4d}    {:8.3f}{:8.3f}{:8.3f}  0.50  0.00           C\n"
    with open(path, "w") as file:
        for model in range(3):
            lines = [atom.format(i + 1, letter, max(1, i), 3.8 * i, model, 0.0) for i, letter in enumerate(letters)]
            file.write(f"MODEL     {model + 1:4d}\n{''.join(lines)}ENDMDL\n")
    return path


def test_alternative_places_of_an_atom_are_said_and_left_out_as_the_line_says(tmp_path):
    pytest.importorskip("MDAnalysis")
    file = alternatives(tmp_path / "a.pdb")
    with pytest.warns(DataWarning, match=r"2 particles are alternative places .*A, B.*--select \"not \(altLoc B\)\""):
        assert read_trajectory(file, Treated()).arrays["positions"].shape == (3, 3, 3)
    chosen = read_trajectory(file, Treated(select="not (altLoc B)", align="first"))
    assert chosen.arrays["positions"].shape == (3, 2, 3)


def test_particles_are_followed_through_the_walls(tmp_path):
    pytest.importorskip("ase")
    with pytest.warns(DataWarning, match="frames turn and drift as a whole"):
        rows = read_trajectory(extxyz(tmp_path / "a.extxyz"), Treated(unwrap=True, stride=2))
    np.testing.assert_allclose(rows.arrays["positions"], FREE[::2], atol=1e-4)
    assert rows.arrays["frame"].tolist() == list(range(0, FRAMES, 2))
    assert "periodic" not in rows.constants
    np.testing.assert_allclose(rows.arrays["rmsd"], deviation(FREE)[::2], atol=1e-3)


def test_steps_that_may_have_gone_either_way_are_said():
    with pytest.warns(DataWarning, match="which way they went"):
        unwrapped(np.array([[[0.0, 0.0]], [[0.45, 0.0]]]), np.broadcast_to(np.eye(2), (2, 2, 2)), (True, True))


@pytest.mark.parametrize("edges", [np.diag([4.0, 5, 6]), np.array([[4.0, 0, 0], [1, 5, 0], [0.5, 1, 6]])])
def test_a_box_that_breathes_and_leans_keeps_its_shape_and_molecules_are_made_whole(edges):
    boxes = edges * np.linspace(1, 1.1, 5)[:, None, None]
    bonds = np.array([[0, 1], [1, 2]])
    places = np.array([[0.95, 0.5, 0.5], [1.05, 0.5, 0.5], [1.15, 0.5, 0.5]]) + 0.2 * np.arange(5)[:, None, None]
    found = unwrapped(np.matmul(places % 1.0, boxes), boxes, (True,) * 3, bonds)
    np.testing.assert_allclose(np.diff(found, axis=1), np.matmul(np.diff(places, axis=1), boxes), atol=1e-9)


def test_a_leaning_box_is_kept_as_edges(tmp_path):
    pytest.importorskip("ase")
    still = np.repeat(FREE[:1], 3, axis=0)
    file = extxyz(tmp_path / "a.extxyz", still * 0.1, "6 0 0 1 6 0 0 0 3")
    store = import_trajectory(file, tmp_path / "a.zarr", particles="identical")
    assert store.read("box").shape == (3, 3, 3)
    assert store.variables[0].particles == "identical"


@pytest.mark.parametrize(("suffix", "library"), [(".lammpstrj", "MDAnalysis"), (".extxyz", "ase")])
def test_frames_of_different_particles_are_refused_with_the_reason(suffix, library, tmp_path):
    pytest.importorskip(library)
    frames = [*WRAPPED[:2], WRAPPED[2][:-1]]
    file = (dump if suffix == ".lammpstrj" else extxyz)(tmp_path / f"ragged{suffix}", frames)
    with pytest.raises(DataError, match=r"frame 2 cannot be put beside the first.*every frame must hold the same"):
        read_trajectory(file, Treated())


def test_a_library_that_is_not_there_is_named_with_its_extra(tmp_path, monkeypatch):
    from beable import checks

    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(checks, "import_module", missing)
    for suffix, words in {
        ".dcd": "MDAnalysis is not installed: pip install 'beable\\[md\\]'",
        ".extxyz": "atoms",
    }.items():
        (tmp_path / f"a{suffix}").write_text("x")
        with pytest.raises(UsageError, match=words):
            read_trajectory(tmp_path / f"a{suffix}", Treated())


def test_what_does_not_go_together_is_refused(tmp_path):
    for name in ("a.psf", "b.prmtop", "a.dcd"):
        (tmp_path / name).write_text("x")
    a, b, frames = (tmp_path / name for name in ("a.psf", "b.prmtop", "a.dcd"))
    for files, words in (
        ([a], "holds no frames"),
        ([a, b, frames], "one file names the particles"),
        ([tmp_path / "none.dcd"], "no such file"),
    ):
        with pytest.raises(UsageError, match=words):
            read_trajectory(files, Treated())
    with pytest.raises(UsageError, match="unknown way to align 'firts': did you mean 'first'"):
        read_trajectory([frames], Treated(align="firts"))


def test_kinds_of_files_are_told_by_what_stands_in_them(tmp_path):
    (tmp_path / "a.nc").write_bytes(b"CDF\x02" + b" " * 90 + b"Conventions AMBER")
    (tmp_path / "b.nc").write_bytes(b"CDF\x02" + b" " * 90)
    assert [kind_of(tmp_path / name) for name in ("a.nc", "b.nc", "c.xtc", "d.csv")] == ["NCDF", None, "XTC", None]


@pytest.mark.filterwarnings("ignore::beable.errors.DataWarning")
def test_the_command_line_makes_describes_and_refuses(tmp_path, capsys):
    pytest.importorskip("ase")
    file = extxyz(tmp_path / "free.extxyz", FREE, pbc="F F F")
    call = [
        "import",
        str(file),
        "--align",
        "first",
        "--stride",
        "2",
        "--factors",
        "rmsd",
        "-o",
        str(tmp_path / "a.zarr"),
    ]
    assert cli.run([*call, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["rows"], found["factors"]) == (FRAMES // 2, ["rmsd"])
    assert "elements" in found["constants"]
    assert Store.open(tmp_path / "a.zarr").constants["elements"].tolist() == ["Ar"] * N
    assert cli.run(["import", str(file), "--dry-run"]) == 0
    assert "positions of particles" in capsys.readouterr().out
    assert cli.run(["import", str(file), "--masked", "-o", str(tmp_path / "b.zarr")]) == 2
    for words in (
        "--exclude rmsd",
        "--vector v=a,b",
        "--classes rmsd",
        "--missing-values 3",
        "--table-format header=1",
    ):
        capsys.readouterr()
        assert cli.run(["import", str(file), "-o", str(tmp_path / "b.zarr"), *words.split()]) == 2
        assert f"{words.split()[0]}: of arrays" in capsys.readouterr().err
    np.savez(tmp_path / "p.npz", position=FREE)
    assert cli.run(["import", str(tmp_path / "p.npz"), "--stride", "2", "-o", str(tmp_path / "b.zarr")]) == 2
    assert "of trajectories" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore::beable.errors.DataWarning")
def test_times_of_extended_xyz_have_no_unit(tmp_path):
    pytest.importorskip("ase")
    path = extxyz(tmp_path / "a.extxyz")
    path.write_text(path.read_text().replace("Lattice=", "time=2.5 Lattice="))
    rows = read_trajectory(path, Treated(unwrap=True))
    assert (rows.arrays["time"][0], rows.units["time"], rows.units["positions"]) == (2.5, "1", "angstrom")


def test_particles_of_arrays_are_declared_where_there_are_some(tmp_path):
    np.savez(tmp_path / "p.npz", ca=FREE, load=np.arange(FRAMES))
    dims = {"ca": ("particle", "dimension")}
    store = import_file(tmp_path / "p.npz", tmp_path / "a.zarr", dims=dims, particles="distinct", factors=["load"])
    assert store.info()["variables"][0]["particles"] == "distinct"
    with pytest.raises(UsageError, match="no array holds positions of particles"):
        Store.from_arrays(tmp_path / "b.zarr", {"heat": np.ones((3, 4))}, particles="distinct")
    with pytest.raises(UsageError, match="unknown kind of particles 'distnct': did you mean 'distinct'"):
        Store.from_arrays(tmp_path / "b.zarr", {"positions": FREE}, particles="distnct")


def test_words_are_constants_and_words_with_blanks_are_refused(tmp_path):
    names = np.array(["CA", "CB", "CA"])
    store = Store.from_arrays(tmp_path / "a.zarr", {"heat": np.ones((3, 4))}, constants={"names": names})
    assert store.constants["names"].tolist() == names.tolist()
    with pytest.raises(DataError, match="is not one word without blanks"):
        Store.from_arrays(tmp_path / "b.zarr", {"heat": np.ones((3, 4))}, constants={"names": np.array(["C A"])})


def test_frames_are_superposed_without_a_mirror():
    x = RNG.normal(size=(1, 7, 3))
    angle = np.linspace(0, 3, 6)
    turns = np.stack([[[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]] for a in angle])
    moved = np.matmul(x, turns) + RNG.normal(size=(6, 1, 3))
    for onto in ("first", "mean"):
        np.testing.assert_allclose(
            superposed(moved, onto), np.broadcast_to(superposed(moved, onto)[0], moved.shape), atol=1e-9
        )
    assert deviation(np.concatenate([x, -x]))[1] > 0.1
    assert gyration(moved) == pytest.approx(gyration(x)[0])


@pytest.mark.filterwarnings("ignore::beable.errors.DataWarning")
@pytest.mark.parametrize("suffix", [".xyz", ".extxyz", ".pdb"])
def test_written_frames_are_read_again(suffix, tmp_path):
    pytest.importorskip("MDAnalysis" if suffix == ".pdb" else "ase")
    words = {"atom_names": ["CA"] * N, "residue_names": ["ALA"] * N, "residue_numbers": list(range(1, N + 1))}
    path = tmp_path / f"a{suffix}"
    write_frames(path, FREE / 10, words, "nm", title="decoded")
    rows = read_trajectory(path, Treated())
    np.testing.assert_allclose(rows.arrays["positions"], FREE, atol=2e-3)
    if suffix == ".pdb":
        assert rows.constants["residue_names"].tolist() == ["ALA"] * N
        assert rows.constants["residue_numbers"].tolist() == words["residue_numbers"]
