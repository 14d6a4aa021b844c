"""A worked case: adenylate kinase from closed to open, from DCD to decoded frames and to the slow coordinate."""

import warnings

import numpy as np
import pytest

from beable.commands import cli
from beable.datasets.store import Store
from beable.training.run import Run

datafiles = pytest.importorskip("MDAnalysisTests.datafiles", exc_type=ImportError)
pytestmark = pytest.mark.slow
#: residues of the two domains that close
LID, NMP = (122, 159), (30, 59)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("adk")
    select = ["--select", "name CA", "--align", "first", "--factors", "rmsd"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert cli.run(["import", datafiles.PSF, datafiles.DCD, "-o", str(path / "adk.zarr"), *select]) == 0
        train = f"--latents 2 --members 4 --steps 400 --lag 5 --decode {path}/frames.pdb".split()
        assert cli.run(["fit", str(path / "adk.zarr"), "-o", str(path / "run"), *train]) == 0
    return path


def test_decoded_frames_keep_every_atom_in_its_place_and_the_chain_whole(folder):
    import MDAnalysis

    store = Store.open(folder / "adk.zarr")
    truth = store.read("positions").astype(float)
    assert truth.shape == (98, 214, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of elements that C-alphas do not need
        universe = MDAnalysis.Universe(str(folder / "frames.pdb"))
        made = np.array([universe.atoms.positions.copy() for _ in universe.trajectory], float)
    assert np.sqrt(np.square(made - truth).sum(-1).mean(1)).max() < 0.6
    apart = np.linalg.norm(np.diff(made, axis=1), axis=2)
    assert apart.mean() == pytest.approx(3.8, abs=0.1)
    assert (np.abs(apart - 3.8) < 0.3).mean() > 0.99  # one bond of the 213 is a cis one, 2.9 long
    assert universe.atoms.resnames.tolist() == store.constants["residue_names"].tolist()


def test_the_first_latent_is_the_distance_of_the_domains_for_all_members(folder):
    store, run = Store.open(folder / "adk.zarr"), Run.load(folder / "run")
    positions, number = store.read("positions"), store.constants["residue_numbers"]
    lid, nmp = (positions[:, (number >= a) & (number <= b)].mean(1) for a, b in (LID, NMP))
    distance = np.linalg.norm(lid - nmp, axis=1)
    z = run.encode({"positions": positions}).mean
    assert min(abs(np.corrcoef(member[:, 0], distance)[0, 1]) for member in z) > 0.98
