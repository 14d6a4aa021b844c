"""Every way out that a message names exists, and leads out."""

import json
import signal
import warnings

import numpy as np
import pytest

from beable import cli
from beable.datasets.store import Store

ROWS = 40
FLAGS = "--latents 1 --members 2 --steps 30 --batch 8"


@pytest.fixture(autouse=True)
def process():
    """What a command line sets for its whole process is set back."""
    handler, form = signal.getsignal(signal.SIGTERM), warnings.formatwarning
    yield
    signal.signal(signal.SIGTERM, handler)
    warnings.formatwarning = form


@pytest.fixture
def beable(capsys):
    """Run a command line in this process: exit code, standard output, standard error."""

    def call(words):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # so short a training may learn nothing
            code = cli.run(words.split())
        return code, *capsys.readouterr()

    return call


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A table with a constant column, and fields of which one, and one pixel of the other, is constant."""
    path, rng = tmp_path_factory.mktemp("constant"), np.random.default_rng(0)
    a, b = rng.normal(size=(2, ROWS))
    table = {"load": a, "flow": 2 * a + b, "probe": np.full(ROWS, 3.0), "pair": np.stack([b, np.full(ROWS, 2.0)], 1)}
    Store.from_arrays(path / "table.zarr", table, {"a": a, "b": b})
    heat = a[:, None, None] * np.sin(np.arange(5)[:, None] + np.arange(4) / 3) + b[:, None, None]
    heat[:, 0, 0] = 1.0
    Store.from_arrays(path / "fields.zarr", {"heat": heat, "wall": np.ones((ROWS, 5, 4))}, {"a": a, "b": b})
    (path / "keep.toml").write_text('[representation]\nconstant = "keep"\n')
    (path / "fields.toml").write_text('[representation]\nkind = "fields"\nscaling = "none"\n')
    (path / "separate.toml").write_text('[representation]\nkind = "modes"\nscaling = "none"\nseparate = true\n')
    return path


def test_a_constant_column_is_refused_with_ways_out_that_exist(folder, beable):
    code, _, err = beable(f"fit {folder}/table.zarr -o {folder}/refused {FLAGS}")
    assert code == 3
    assert "probe, pair[1] is the same in all 30 training rows" in err
    assert "representation.constant = 'keep'" in err


@pytest.mark.parametrize(
    ("data", "options", "constant"),
    [
        ("table", "--config keep.toml", "probe"),
        ("fields", "--scaling none", "wall"),
        ("fields", "--config fields.toml", "wall"),
        ("fields", "--config separate.toml", "wall"),
        ("fields", "--variables heat", ""),
    ],
)
def test_what_is_constant_goes_all_the_way_to_the_report(folder, tmp_path, beable, data, options, constant):
    store, run = f"{folder}/{data}.zarr", tmp_path / "run"
    options = options.replace("--config ", f"--config {folder}/")
    code, out, err = beable(f"fit {store} -o {run} {FLAGS} {options} --json")
    assert (code, err) == (0, "")
    errors = json.loads(out)["relative_error_by_channel"]
    assert [name for name, e in errors.items() if e[0] is None] == ([constant] if constant else [])
    assert None not in json.loads(out)["test_relative_error"]
    assert None not in json.loads(out)["distortion"]
    assert beable(f"evaluate {run} {store} --json")[0] == 0
    assert beable(f"score {run} {store}")[0] == 0
    assert beable(f"sample {run} -o {tmp_path}/new.zarr --rows 5")[0] == 0
    code, _, err = beable(f"report {run} {store} -o {tmp_path}/page.html")
    assert (code, err) == (0, "")
    named = f"without a relative error: {constant}." if constant else "a dot a member."
    assert named in (tmp_path / "page.html").read_text()
    if constant:
        new = Store.open(tmp_path / "new.zarr").read(constant)
        np.testing.assert_allclose(new, np.broadcast_to(Store.open(store).read(constant)[:1], new.shape), atol=0.5)
