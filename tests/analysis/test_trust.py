"""Trust: the sign of each number, its fit, and what a run with known factors earns."""

import json
import re

import numpy as np
import pytest

from beable import ModelSettings, RunSettings, Store, TrainingSettings, train
from beable.analysis.agree import agree, agreed, companion_settings
from beable.analysis.support_axes import SupportAxes
from beable.analysis.trust import FEATURES, SIGNS, WEIGHTS, fitted, of_members, probability
from beable.commands import cli
from beable.errors import DataError, UsageError
from beable.training.run import Run
from beable.vae.settings import Constant, ObjectiveSettings
from beable.verdicts import Verdict

ROWS = 480


def mixture(rng):
    return rng.choice([-1.0, 1.0], (ROWS, 2)) + 0.25 * rng.normal(size=(ROWS, 2))


def normal(rng):
    return rng.normal(size=(ROWS, 2))


def data(tmp_path, law, seed=0):
    rng = np.random.default_rng(seed)
    fields = law(rng) @ np.linalg.qr(rng.normal(size=(8, 2)))[0].T
    return Store.from_arrays(tmp_path / "data.zarr", {"height": fields})


def settings(**training):
    chosen = {"members": 6, "steps": 20, "batch": 64, "held_out": 240, "start": "mixed", "bootstrap": True}
    return RunSettings(model=ModelSettings(width=4), training=TrainingSettings(**{"records": 2} | chosen | training))


def answers(tmp_path, law, **training):
    store = data(tmp_path, law)
    run = train(store, tmp_path / "run", settings(**training))
    return agreed(run, {"height": store.read("height", run.held_rows)})


def test_every_number_moves_trust_as_it_should_or_not_at_all():
    assert len(FEATURES) == len(SIGNS) == len(WEIGHTS.of)
    assert all(sign * weight >= 0 for sign, weight in zip(SIGNS, WEIGHTS.of, strict=True))
    assert WEIGHTS.of[0] > 1


def test_a_fit_finds_the_weights_that_made_the_truth_and_none_of_the_wrong_sign():
    """Of 4,000 latents within 0.4; the dependence raises trust in these data, and its weight is zero."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4000, 4))
    y = rng.random(4000) < 1 / (1 + np.exp(-(0.5 + x @ [3.0, 1.0, 0.5, 1.0])))
    found = fitted(x, y)
    assert found.of[1] == 0
    assert abs(found.of[0] - 3) < 0.6
    assert found.of[0] > found.of[3] > found.of[2] > 0
    with pytest.raises(DataError, match="are both needed"):
        fitted(x, np.ones(4000))


def test_a_member_is_trusted_as_its_least_trusted_active_latent():
    latents = np.array([[0.9, 0.2, 0.8], [0.9, 0.2, 0.8], [0.9, 0.1, np.nan]])
    active = np.array([[True, True, True], [True, False, True], [True, False, False]])
    np.testing.assert_array_equal(of_members(latents, active), [0.2, 0.8, np.nan])


def test_independent_factors_with_axes_are_trusted_where_ica_began(tmp_path):
    found = answers(tmp_path, mixture)
    assert found.trust.identified.answer is True
    assert found.trust.members[[0, 3]].min() > 0.8
    assert found.agreement.plane.answer is True
    assert found.trust.low <= found.trust.run <= found.trust.high


def test_normal_factors_have_a_plane_no_axes_and_low_trust(tmp_path):
    found = answers(tmp_path, normal)
    assert found.trust.identified.answer is False
    assert "normal factors" in found.trust.identified.reason
    assert found.trust.members.max() < 0.3
    assert found.objective.answer is False
    assert found.agreement.plane.answer is True
    assert found.agreement.axes.answer is not True


def test_trust_in_extremes():
    low, high = probability([[-1.7, 0, -0.4, -1], [2.0, 0, 0.6, 1]])
    assert low < 0.02
    assert high > 0.98


def test_a_companion_begins_in_other_ways_and_is_taken_up_again(tmp_path, capsys):
    store = data(tmp_path, mixture)
    train(store, tmp_path / "run", settings(start="ica", bootstrap=False, members=2))
    words = ["agree", str(tmp_path / "run"), str(store.path), "--members", "6"]
    assert cli.run([*words, "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    companion = Run.load(tmp_path / "run-agree")
    assert (companion.settings.training.start, companion.settings.training.bootstrap) == ("mixed", True)
    assert first["agreement"]["starts"] == ["ica", "pca", "random"] * 2
    assert set(first["agreement"]["axes"]) == {"answer", "reason"}
    assert "support" not in first  # independence tells the axes
    assert first["trust"]["run"] == pytest.approx(np.mean(first["trust"]["members"]))
    assert cli.run(words) == 0
    shown = capsys.readouterr().out
    assert "the plane is shared" in shown
    assert re.search(r"axes in the codes\s+yes", shown)
    assert Run.load(tmp_path / "run-agree").id == companion.id


def test_a_mixed_run_is_asked_itself_and_for_axes_of_its_support_where_independence_tells_none(tmp_path, monkeypatch):
    store, asked = data(tmp_path, normal), []

    def known(codes):
        asked.append(codes.shape)
        return SupportAxes(20.0, 0.1, 0.1, Verdict(False, "they move"))

    monkeypatch.setattr("beable.analysis.agree.support_axes", known)
    run = train(store, tmp_path / "run", settings(members=3))
    found = agree(run, store, tmp_path / "companion")
    assert found.agreement.starts == ["ica", "pca", "random"]
    assert asked == [(240, 2)]
    assert found.as_json()["support"]["identified"]["reason"] == "they move"
    assert found.summary()["axes in their support"] == "no: they move"
    assert not (tmp_path / "companion").exists()


def test_what_cannot_be_asked_is_refused(tmp_path):
    store = data(tmp_path, mixture)
    run = train(store, tmp_path / "run", settings(start="ica", members=2, held_out=20))
    with pytest.raises(DataError, match="at least 32 held-out rows"):
        agree(run, store, tmp_path / "companion", members=3)
    with pytest.raises(UsageError, match="members must be at least 3"):
        agree(run, store, tmp_path / "companion", members=2)
    other = Store.from_arrays(tmp_path / "other.zarr", {"height": np.random.default_rng(0).normal(size=(50, 8))})
    with pytest.raises(UsageError, match="not the data set"):
        agree(run, other, tmp_path / "companion")
    swept = RunSettings(
        objective=ObjectiveSettings(beta=Constant(beta=(1.0, 2.0))), training=TrainingSettings(members=2)
    )
    with pytest.raises(UsageError, match="beta of its own"):
        companion_settings(swept)
