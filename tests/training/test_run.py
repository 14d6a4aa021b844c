"""The run folder: what goes in comes out, interruptions leave no trace, damage is found."""

import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from beable.datasets.store import Store
from beable.errors import CorruptError, DataError, DivergedError, LockedError, OutputError, UsageError
from beable.files.disk import locked
from beable.training.run import Run, train
from beable.training.settings import RunSettings

PROGRAMS = Path(__file__).parents[1] / "programs"
ROWS, GRID, STEPS = 60, (9, 7), 50
PATIENT = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}  # two threads on a busy core must not spin


def fields(rows=ROWS, seed=0):
    """Two fields of two factors; their names are not in alphabetical order."""
    rng = np.random.default_rng(seed)
    theta = rng.choice([-1.0, 1.0], (rows, 2)) + 0.2 * rng.normal(size=(rows, 2))
    x, y = np.meshgrid(*(np.linspace(0, 1, n) for n in GRID), indexing="ij")
    waves = np.stack([np.sin(3 * x + y), np.cos(2 * y - x)])
    pressure = np.tensordot(theta, waves, 1)
    flux = np.stack([np.tensordot(np.exp(0.2 * theta), waves, 1), np.tensordot(theta, waves[::-1], 1)], 1)
    return {"pressure": pressure.astype(np.float32), "flux": flux.astype(np.float32)}, theta


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    arrays, theta = fields()
    return Store.from_arrays(
        tmp_path_factory.mktemp("data") / "fields.zarr", arrays, {"a": theta[:, 0], "b": theta[:, 1]}
    )


def settings(**training):
    tree = json.loads((PROGRAMS / "killed_training.json").read_text())
    tree["training"] |= {"steps": STEPS} | training
    tree["objective"]["reconstruction_steps"] = STEPS // 2
    return RunSettings.model_validate_json(json.dumps(tree))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The folder of the run."""
    return tmp_path_factory.mktemp("runs") / "run"


@pytest.fixture(scope="module")
def run(store, place):
    return train(store, place, settings())


@pytest.fixture(scope="module")
def short(store, tmp_path_factory):
    """The folder of a run of few steps, to be copied."""
    path = tmp_path_factory.mktemp("runs") / "short"
    train(store, path, settings(steps=20))
    return path


@pytest.fixture
def folder(short, tmp_path):
    """A finished run that a test may damage."""
    return shutil.copytree(short, tmp_path / "run")


def test_a_loaded_run_answers_as_the_trained_one(store, run, place):
    data = {name: store.read(name) for name in run.variables}
    again = Run.load(place)
    assert again.id == run.id
    assert again.variables == ["pressure", "flux"]
    for one, two in zip(run.encode(data), again.encode(data), strict=True):
        np.testing.assert_array_equal(one, two)
    for name, values in run.history.items():
        np.testing.assert_array_equal(values, again.history[name])


def test_decoding_the_codes_gives_the_fields(store, run):
    data = {name: store.read(name, run.held_rows) for name in run.variables}
    for member in run.decode(run.encode(data).mean):
        for name, values in member.items():
            assert values.shape == data[name].shape
            spread = ((data[name] - data[name].mean(0)) ** 2).sum()
            assert ((values - data[name]) ** 2).sum() < 0.1 * spread


def test_scores_are_in_nats_of_physical_units(store, run):
    """Fields ten times larger lose log 10 nats for each of their numbers."""
    data = {name: store.read(name, run.held_rows) for name in run.variables}
    score = run.score(data)
    assert score.distortion.shape == (3, len(run.held_rows))
    assert score.rate.shape == (3, len(run.held_rows), 2)
    code = run.representation.code
    standard = run.representation.standard
    expected = np.log(standard.scale).sum() * np.prod(GRID)
    assert code.log_volume == pytest.approx(expected)
    odd = {name: values + 5 for name, values in data.items()}
    assert (run.score(odd).distortion.mean(1) > score.distortion.mean(1)).all()


def test_the_prior_gives_latents_for_every_member(run):
    assert run.sample(7).shape == (3, 7, 2)


@pytest.fixture(scope="module", params=["some", pytest.param("many", marks=pytest.mark.slow)])
def killed(store, tmp_path_factory, request):
    """A folder of trainings with one and with two threads, whole and in pieces, and how they went."""
    folder = tmp_path_factory.mktemp("killed")
    program = [sys.executable, str(PROGRAMS / "killed_training.py"), str(store.path), str(folder), str(STEPS)]
    kills = {"some": (2, 1), "many": (10, 4)}[request.param]
    jobs = [f"pieces:1:{kills[0]}", "whole:2:0", f"pieces:2:{kills[1]}"]
    done = subprocess.run([*program, *jobs], env=PATIENT, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


@pytest.mark.parametrize("threads", [1, 2])
def test_killed_at_some_moments_and_resumed_it_ends_with_the_same_bits(killed, run, place, threads):
    """With one thread as in this process, which was never killed."""
    folder, answers = killed
    whole, pieces = place if threads == 1 else folder / "whole-2", folder / f"pieces-{threads}"
    assert {answer["status"] for answer in answers["runs"].values()} == {0}
    reached = answers["runs"][pieces.name]["reached"]
    assert len({*reached} - {""}) >= len(reached) // 2
    assert Run.load(pieces).id == Run.load(whole).id
    files = [sorted(p.name for p in path.iterdir()) for path in (whole, pieces)]
    assert files[0] == files[1]
    for name in ("history.safetensors", "run.json"):
        assert (whole / name).read_bytes() == (pieces / name).read_bytes()


def test_a_training_imports_no_compiler(killed):
    """It takes seconds of a process; PyTorch's class of Adam, the twin, cannot do without."""
    assert {answer["status"] for answer in killed[1]["runs"].values()} == {0}
    assert killed[1]["class"] is True


def test_another_seed_gives_other_bits(store, short, tmp_path):
    assert train(store, tmp_path / "run", settings(steps=20, seed=1)).id != Run.load(short).id


def test_a_finished_run_is_not_trained_again(store, folder):
    before = (folder / "manifest.json").read_bytes()
    steps = []
    train(store, folder, settings(steps=20), progress=lambda done, total: steps.append(done))
    assert steps == []
    assert (folder / "manifest.json").read_bytes() == before


def test_another_request_for_the_folder_is_refused_by_name(store, folder):
    with pytest.raises(
        OutputError, match=r"settings\.training\.seed: 0 there, 2 asked; settings\.training\.steps: 20 there, 30 asked"
    ):
        train(store, folder, settings(steps=30, seed=2))


def test_a_folder_of_something_else_is_refused(store, tmp_path):
    for name in ("thesis.tex", ".thesis.0123456789abcdef.tmp"):
        (tmp_path / name).write_text("words")
    with pytest.raises(OutputError, match="exists and is not a training: choose a new folder"):
        train(store, tmp_path, settings())
    assert all((tmp_path / n).read_text() == "words" for n in ("thesis.tex", ".thesis.0123456789abcdef.tmp"))


def test_a_second_writer_is_refused(store, tmp_path):
    with locked(tmp_path / "run"), pytest.raises(LockedError, match="run"):
        train(store, tmp_path / "run", settings())


FILES = ["state.safetensors", "history.safetensors", "run.json", "request.json", "manifest.json"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["flip", "truncate", "delete"])
def test_damage_is_found_before_a_number_is_used(folder, name, damage):
    path = folder / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    if damage == "delete":
        path.unlink()
    else:
        path.write_bytes(data if damage == "flip" else data[: len(data) // 2])
    with pytest.raises(CorruptError) as caught:
        Run.load(folder)
    assert "\n" not in str(caught.value)


def test_parameters_of_another_shape_are_refused(store, folder, tmp_path):
    other = tmp_path / "other"
    train(store, other, settings(steps=20, members=2))
    shutil.copy(other / "state.safetensors", folder / "state.safetensors")
    with pytest.raises(CorruptError):
        Run.load(folder)


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(CorruptError):
        Run.load(tmp_path)


def test_a_diverging_training_keeps_its_last_good_state(store, tmp_path):
    hot = settings(learning_rate=1e6, decay="none", patience=None)
    with pytest.raises(DivergedError, match=r"lower training\.learning_rate"):
        train(store, tmp_path / "run", hot, save_every=0.0)
    from beable.files.array_files import read_arrays
    from beable.files.artefacts import verify

    for checkpoint in (tmp_path / "run" / "checkpoints").glob("step-*"):
        assert verify(checkpoint) == []
        assert all(np.isfinite(a).all() for a in read_arrays(checkpoint / "state.safetensors").values())
    assert not (tmp_path / "run" / "manifest.json").exists()


def test_missing_variables_and_unknown_names_are_named(store, run, tmp_path):
    with pytest.raises(DataError, match="give flux too"):
        run.encode({"pressure": store.read("pressure")})
    with pytest.raises(UsageError, match="did you mean 'pressure'"):
        train(store, tmp_path / "run", settings().model_copy(update={"variables": ("presure",)}))


def test_too_few_rows_are_refused(tmp_path):
    arrays, _ = fields(rows=2)
    store = Store.from_arrays(tmp_path / "few.zarr", arrays)
    with pytest.raises(DataError, match="2 usable rows: at least 4"):
        train(store, tmp_path / "run", settings())


def test_an_interrupted_training_loses_patience_at_the_same_record(tmp_path, monkeypatch):
    """Interrupted before and after its best record, saved at every tenth step; pure noise is learned by heart."""

    class StopError(Exception):
        pass

    monkeypatch.setattr("beable.training.fit.FEWEST_PATIENT_STEPS", 60)
    rows = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)
    noise = Store.from_arrays(tmp_path / "noise.zarr", {"u": rows})
    tree = {
        "model": {"width": 16, "depth": 1},
        "training": {
            "members": 2, "steps": 600, "learning_rate": 0.02, "batch": None, "start": "pca", "patience": 5
        },
    }  # fmt: skip
    whole = train(noise, tmp_path / "whole", RunSettings.model_validate(tree))
    kept, last = whole.metadata["kept_steps"], whole.metadata["steps"]
    assert max(kept) < last < 600
    stops = (min(kept) - 1, max(kept) + 11)
    assert 10 < stops[0] < stops[1] < last
    monkeypatch.setattr("beable.training.checkpoint.monotonic", itertools.count().__next__)

    def interrupt(done, total):
        if done in stops:
            raise StopError

    for _ in stops:
        with pytest.raises(StopError):
            train(noise, tmp_path / "pieces", RunSettings.model_validate(tree), progress=interrupt, save_every=10)
    pieces = train(noise, tmp_path / "pieces", RunSettings.model_validate(tree))
    assert pieces.id == whole.id
    assert pieces.metadata == whole.metadata
