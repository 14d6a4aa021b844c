"""What `train` chooses where nothing is chosen: the representation, the variables, and nothing in silence."""

import warnings

import numpy as np
import pytest
import torch

from beable.analysis.evaluation import evaluate
from beable.commands import cli
from beable.datasets.store import Store
from beable.errors import DataError, DivergedError, LeftOutWarning
from beable.training.run import RunSettings, train

ROWS = 40
SMALL = {"members": 1, "steps": 5, "records": 2, "batch": 8}
FLAGS = "--latents 1 --members 1 --steps 5 --batch 8 --set training.records=2"


def quick(**settings):
    return RunSettings.model_validate({"model": {"latents": 1}, "training": SMALL, **settings})


@pytest.fixture(scope="module")
def arrays():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, ROWS, 1, 1))
    x = np.linspace(0, 1, 5)
    return {
        "heat": a * np.sin(3 * x[:, None] + x) + b * np.cos(x),
        "positions": rng.uniform(0, 4, (ROWS, 6, 2)),
        "sizes": rng.uniform(1, 2, (ROWS, 3)),
        "phi": a.ravel(),
    }


def stored(path, arrays, *names):
    return Store.from_arrays(path, {name: arrays[name] for name in names})


CASES = [
    (("heat",), "modes", ["heat"]),
    (("positions",), "coordinates", ["positions"]),
    (("phi",), "table", ["phi"]),
    (("sizes", "phi"), "table", ["sizes", "phi"]),
]


@pytest.mark.parametrize(("names", "kind", "learned"), CASES)
def test_the_variables_decide_the_representation(tmp_path, arrays, names, kind, learned):
    run = train(stored(tmp_path / "data.zarr", arrays, *names), tmp_path / "run", quick())
    assert run.settings.representation.model_dump() == {"kind": kind}
    assert run.variables == learned


@pytest.mark.parametrize(("names", "kind", "learned"), CASES)
def test_python_and_the_command_line_make_the_same_run(tmp_path, arrays, names, kind, learned, capsys):
    store = stored(tmp_path / "data.zarr", arrays, *names)
    words = f"fit {store.path} -o {tmp_path}/fitted {FLAGS}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # so short a training may learn nothing
        assert cli.run(words.split()) == 0
    out = capsys.readouterr().out
    assert f"learned from  {', '.join(learned)} as {kind}, 30 rows, " in out
    assert train(store, tmp_path / "trained", quick()).id == train(store, tmp_path / "fitted", quick()).id


def test_options_of_the_representation_do_not_choose_it(tmp_path, arrays):
    store = stored(tmp_path / "data.zarr", arrays, "positions")
    run = train(store, tmp_path / "run", quick(representation={"order": "none"}))
    assert run.settings.representation.model_dump() == {"kind": "coordinates", "order": "none"}
    by_hand = quick(representation={"kind": "modes"})
    assert train(store, tmp_path / "modes", by_hand).settings.representation.model_dump() == {"kind": "modes"}


def test_numbers_beside_fields_are_named_when_they_are_left_out(tmp_path, arrays):
    store = stored(tmp_path / "data.zarr", arrays, "heat", "phi", "sizes")
    with pytest.warns(LeftOutWarning, match=r"phi, sizes: left out.*heat alone.*\(variables, --variables\)"):
        train(store, tmp_path / "run", quick())


def test_what_is_left_out_by_name_needs_no_word(tmp_path, arrays):
    store = stored(tmp_path / "data.zarr", arrays, "heat", "phi")
    run = train(store, tmp_path / "run", quick(variables=["phi"]))  # a warning would be an error
    assert run.settings.representation.model_dump() == {"kind": "table"}
    assert train(store, tmp_path / "fields", quick(variables=["heat"])).variables == ["heat"]


def test_the_command_line_names_what_is_left_out_in_one_line(tmp_path, arrays):
    store = stored(tmp_path / "data.zarr", arrays, "positions", "phi")
    words = f"fit {store.path} -o {tmp_path}/run {FLAGS} --json"
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        assert cli.run(words.split()) == 0
    found = [warning for warning in seen if issubclass(warning.category, LeftOutWarning)]
    assert len(found) == 1
    line = warnings.formatwarning(found[0].message, found[0].category, found[0].filename, found[0].lineno)
    assert line.startswith("beable: warning: phi: left out")
    assert line.count("\n") == 1
    assert "--variables" in line


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_threads_are_given_back(tmp_path, arrays):
    store, seen = stored(tmp_path / "data.zarr", arrays, "heat"), []
    train(store, tmp_path / "run", quick(), progress=lambda *_: seen.append(torch.get_num_threads()))
    assert set(seen) == {1}
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_threads_are_given_back_when_a_training_fails(tmp_path, arrays):
    store = stored(tmp_path / "data.zarr", arrays, "heat")
    hot = quick(training={**SMALL, "steps": 60, "learning_rate": 1e6, "decay": "none"})
    with pytest.raises(DivergedError):
        train(store, tmp_path / "run", hot)
    assert torch.get_num_threads() == 2


def test_an_array_alone_is_the_variable_of_a_run_with_one(tmp_path, arrays):
    run = train(stored(tmp_path / "data.zarr", arrays, "heat"), tmp_path / "run", quick())
    named = {"heat": arrays["heat"]}
    np.testing.assert_array_equal(run.encode(arrays["heat"]).mean, run.encode(named).mean)
    np.testing.assert_array_equal(run.score(arrays["heat"]).distortion, run.score(named).distortion)


def test_an_array_alone_is_refused_where_the_run_has_several_variables(tmp_path, arrays):
    run = train(stored(tmp_path / "data.zarr", arrays, "sizes", "phi"), tmp_path / "run", quick())
    with pytest.raises(DataError, match="learned from sizes, phi: give a dictionary with an array for each name"):
        run.encode(arrays["sizes"])


def test_what_is_printed_is_worth_reading(tmp_path, arrays):
    store = stored(tmp_path / "data.zarr", arrays, "positions")
    run = train(store, tmp_path / "run", quick())
    assert "positions of 6 particles in 2 dimensions" in repr(store)
    assert "1 member with 1 latent: positions as coordinates" in repr(run)
    for record in (evaluate(run, store), run.encode(arrays["positions"])):
        text = repr(record)
        assert "shape (1, " in text
        assert "array(" not in text
        assert len(text.splitlines()) < 25
