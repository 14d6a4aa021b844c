"""What a checkpoint or a run holds is that of its settings, or it is refused before a number of it is used."""

import json
import re
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from beable.datasets.store import Store
from beable.errors import CorruptError, LeftOutWarning, OutputError
from beable.files import array_files, artefacts, disk, json_files
from beable.representations import REPRESENTATIONS
from beable.training.checkpoint import checkpoints, restore, state
from beable.training.data import prepare
from beable.training.run import Run, first_step, representation_choice, settled, train, verify
from beable.training.settings import RunSettings

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
STEPS = 6
SETTINGS = {
    "model": {"latents": 1, "width": 4},
    "training": {"members": 2, "steps": STEPS, "records": 3, "batch": 8, "start": "pca"},
}
ASKED = RunSettings.model_validate(SETTINGS | {"representation": {"kind": "fields"}})


class StopError(Exception):
    pass


def stop(done, total):
    if done == 4:
        raise StopError


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    values = np.random.default_rng(0).normal(size=(20, 4, 4)).astype(np.float32)
    return Store.from_arrays(tmp_path_factory.mktemp("data") / "good.zarr", {"heat": values})


@pytest.fixture(scope="module")
def whole(store, tmp_path_factory):
    """The folder of a run that nobody disturbed."""
    path = tmp_path_factory.mktemp("runs") / "run"
    train(store, path, ASKED)
    return path


@pytest.fixture(scope="module")
def begun(store, tmp_path_factory):
    """A training that was stopped after its fourth step, with a checkpoint at every step."""
    path = tmp_path_factory.mktemp("runs") / "run"
    with pytest.raises(StopError):
        train(store, path, ASKED, progress=stop, save_every=0.0)
    return path


@pytest.fixture
def folder(begun, tmp_path):
    return shutil.copytree(begun, tmp_path / "run")


def forge(path, change, name="state.safetensors"):
    """Change the arrays of a folder and seal it again, as someone would who means harm."""
    manifest = artefacts.read_manifest(path)
    arrays = array_files.read_arrays(path / name)
    change(arrays)
    array_files.write_arrays(path / name, arrays)
    artefacts.seal(path, manifest.kind, manifest.version, manifest.about)


def forge_json(path, change, name):
    manifest = artefacts.read_manifest(path)
    tree = json_files.read_json(path / name)
    (path / name).write_text(json.dumps(change(tree) or tree))
    artefacts.seal(path, manifest.kind, manifest.version, manifest.about)


def to(name, value):
    """A change that sets an array, or drops it."""
    return lambda a: a.pop(name) if value is None else a.update({name: value(a[name])})


def renamed(old, new):
    return lambda a: a.update({new: a.pop(old)})


ARRAYS = {
    "one element": to("adam/0/exp_avg", lambda a: a.ravel()[:1]),
    "no moments": lambda a: [a.pop(n) for n in list(a) if n.startswith("adam/0/")],
    "no step of Adam": to("adam/1/step", None),
    "doubles": to("adam/0/exp_avg_sq", lambda a: a.astype(np.float64)),
    "negative squares": to("adam/0/exp_avg_sq", lambda a: a - 1),
    "steps to come": to("adam/0/step", lambda a: a + 1e6),
    "no beta": to("beta", None),
    "beta of others": to("beta", lambda a: np.ones(3, np.float32)),
    "a record to come": to("best/records", lambda a: a + 10**6),
    "a best of nobody": to("best/loss", lambda a: a[:1]),
    "no number": to("vae/decoder.linear.weight", lambda a: a * np.nan),
    "a place elsewhere": to("vae/decoder.group", lambda a: a + 10**6),
    "one more": lambda a: a.update(stranger=np.ones(2)),
    "another name": renamed("best/over", "best/under"),
}
HISTORY = {
    "no records": lambda a: a.clear(),
    "other steps": to("step", lambda a: a + 1),
    "one member": to("beta", lambda a: a[:, :1]),
    "a term less": to("held/rate/z", None),
}
JSON = {
    "a word": lambda t: {**t, "step": "four"},
    "a list": lambda t: [4],
    "nothing": lambda t: {"cpu_seconds": 1.0},
    "another step": lambda t: {**t, "step": 3},
    "no time": lambda t: {**t, "cpu_seconds": "long"},
}
FORGED = {
    **{name: lambda p, c=change: forge(p, c) for name, change in ARRAYS.items()},
    **{f"history, {name}": lambda p, c=change: forge(p, c, "history.safetensors") for name, change in HISTORY.items()},
    **{f"step, {name}": lambda p, c=change: forge_json(p, c, "step.json") for name, change in JSON.items()},
    "a flipped bit": lambda p: (p / "step.json").write_bytes((p / "step.json").read_bytes().replace(b"4", b"5")),
    "no manifest": lambda p: (p / "manifest.json").unlink(),
}


@pytest.fixture(scope="module")
def anew(store):
    """Makes the training at its first step."""
    asked = settled(ASKED, store)
    data = prepare(store, ["heat"], *representation_choice(asked), asked.training)
    return lambda: first_step(data, store, asked)


@pytest.mark.parametrize("name", FORGED)
def test_a_checkpoint_that_does_not_fit_is_left_out_and_the_one_before_is_taken(anew, folder, name):
    """It is removed, so that the training can go past its step, and named in one line."""
    *_, before, newest = checkpoints(folder / "checkpoints")
    FORGED[name](newest)
    fit, words = anew(), f"{newest.name}.*: left out, the training goes on from before it"
    with pytest.warns(LeftOutWarning, match=words) as told:
        restore(fit, folder / "checkpoints")
    assert "\n" not in str(told[0].message)
    assert (fit.step, checkpoints(folder / "checkpoints")[-1]) == (3, before)
    kept = array_files.read_arrays(before / "state.safetensors")
    assert kept.keys() == state(fit).keys()
    for part, tensor in state(fit).items():
        np.testing.assert_array_equal(tensor.detach().numpy(), kept[part], part)
    history = array_files.read_arrays(before / "history.safetensors")
    assert fit.history.steps == history["step"].tolist()


@pytest.mark.parametrize("name", ["no moments", "history, one member", "step, another step", "a flipped bit"])
def test_past_a_checkpoint_that_does_not_fit_the_end_is_the_same(store, whole, folder, name):
    newest = checkpoints(folder / "checkpoints")[-1]
    FORGED[name](newest)
    with pytest.warns(LeftOutWarning, match=newest.name):
        found = train(store, folder, ASKED, save_every=0.0)
    assert found.id == Run.load(whole).id
    assert sorted(p.name for p in folder.iterdir()) == sorted(p.name for p in whole.iterdir())


def test_without_any_whole_checkpoint_it_begins_again(store, whole, folder):
    for path in checkpoints(folder / "checkpoints"):
        FORGED["no moments"](path)
    with pytest.warns(LeftOutWarning):
        assert train(store, folder, ASKED).id == Run.load(whole).id


def test_a_whole_checkpoint_is_taken_up(store, whole, folder, recwarn):
    steps = []
    assert train(store, folder, ASKED, progress=lambda done, total: steps.append(done)).id == Run.load(whole).id
    assert steps == [5, 6]
    assert not [w for w in recwarn if w.category is LeftOutWarning]


def test_checkpoints_go_after_the_seal(store, whole, folder, monkeypatch):
    """Killed between the two, the run is whole, and the next call clears it."""
    real = disk.remove

    def killed(path):
        if Path(path).name == "checkpoints":
            raise StopError
        real(path)

    with monkeypatch.context() as patched:
        patched.setattr(disk, "remove", killed)
        with pytest.raises(StopError):
            train(store, folder, ASKED)
    assert (folder / "checkpoints").exists()
    assert Run.load(folder).id == Run.load(whole).id
    train(store, folder, ASKED)
    assert not (folder / "checkpoints").exists()


def test_a_finished_run_answers_where_nothing_can_be_written(store, whole, monkeypatch):
    def refused(*about):
        raise OutputError("read-only")

    for name in ("locked", "atomic_write", "make_folder"):
        monkeypatch.setattr(disk, name, refused)
    assert train(store, whole, ASKED).id == Run.load(whole).id


# Finished runs

RECORDS = {
    "width": lambda t: t["settings"]["model"].update(width=10**9),
    "latents": lambda t: t["settings"]["model"].update(latents=10**9),
    "depth": lambda t: t["settings"]["model"].update(depth=10**7),
    "members": lambda t: (
        t["settings"]["training"].update(members=3 * 10**6),
        t.update(members=list(range(3 * 10**6))),
    ),
    "a shape": lambda t: t["shapes"].update(heat=[10**5, 10**5]),
    "a negative shape": lambda t: t["shapes"].update(heat=[-4, -4]),
    "no settings": lambda t: t.pop("settings") and None,
    "an unknown setting": lambda t: t["settings"].update(nonsense=1),
    "a setting out of range": lambda t: t["settings"]["model"].update(latents=-1),
    "no members": lambda t: t.update(members=[]),
    "another variable": lambda t: t.update(variables=["cold"]),
    "words as rows": lambda t: t.update(held_rows=["one"]),
    "a list": lambda t: [t],
    "words as steps": lambda t: t.update(steps="six"),
    "steps to come": lambda t: t.update(kept_steps=[10**9, 1]),
    "no place": lambda t: t.update(store_place=3),
    "no versions": lambda t: t.pop("versions") and None,
    "a representation": lambda t: t["settings"].update(representation={"kind": "modes", "modes": 3}),
}
STATES = {
    "a mean cut short": to("representation/mean", lambda a: a[:, :3]),
    "no size": to("representation/size", None),
    "a mean that is none": to("representation/mean", lambda a: a * np.nan),
    "a weight less": to("vae/encoder.linear.weight", None),
    "half a number": to("vae/encoder.linear.weight", lambda a: a.astype(np.float16)),
    "a place elsewhere": to("vae/decoder.group", lambda a: a - 1),
}
RUNS = {
    **{name: lambda p, c=change: forge_json(p, c, "run.json") for name, change in RECORDS.items()},
    **{name: lambda p, c=change: forge(p, c) for name, change in STATES.items()},
    **{f"history, {name}": lambda p, c=change: forge(p, c, "history.safetensors") for name, change in HISTORY.items()},
}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_that_does_not_fit_is_refused_at_once(whole, tmp_path, name):
    path = shutil.copytree(whole, tmp_path / "run")
    RUNS[name](path)
    begun = time.process_time()
    with pytest.raises(CorruptError) as caught:
        Run.load(path)
    assert time.process_time() - begun < 5
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
    assert verify(path)


def test_the_run_as_it_was_is_not_refused(whole):
    assert verify(whole) == []


def test_a_page_of_a_run_is_named_with_its_sum(whole, tmp_path):
    path = shutil.copytree(whole, tmp_path / "run")
    artefacts.write_noted(path / "report.html", b"<html>it works</html>")
    assert verify(path) == []
    (path / "report.html").write_bytes(b"<html>it worked</html>")
    assert [re.sub(".*/run: ", "", line)[:11] for line in verify(path)] == ["report.html"]
    artefacts.write_noted(path / "report.html", b"<html>it works</html>")
    assert verify(path) == []


def test_every_representation_says_how_its_arrays_lie():
    """Those of the laws of representations, which are fitted in tests/representations."""
    assert all("layout" in vars(kind) for kind in REPRESENTATIONS.values())
