"""The parts of the study with labels: verdicts from curves with known answers, measures on a short training."""

from types import SimpleNamespace

import numpy as np
import pytest

from beable.datasets.store import Store
from beable.report.page import plain
from beable.settings import validated
from beable.studies.claims import DIFFERS, REPRODUCED, UNTOLD
from beable.studies.codec import check_type
from beable.systems.darcy.pages import labels as pages
from beable.systems.darcy.parts.equation_28 import Equation28, equation_28
from beable.systems.darcy.parts.labelled_posterior import in_a_gap, labelled_posterior, own_neighbours
from beable.systems.darcy.parts.labels import (
    SOURCE,
    SOURCE_CEILING,
    CorrelatedLabels,
    Curve,
    LabelLimits,
    LabelStudy,
    change,
    curve,
    losses,
)
from beable.training.run import train
from beable.training.settings import RunSettings

LEVELS = (1, 2, 4, 8, 16, 32, 64, 512)


def made_curve(shares, draws=5, levels=LEVELS, label="made up", noise=0.0):
    """A curve whose draws lie evenly around a share of the ceiling at each level."""
    number = [level for level in levels for _ in range(draws)]
    around = np.concatenate([share + np.linspace(-0.01, 0.01, draws) for share in shares])
    rate = np.linspace(7.0, 7.1, len(number))
    found = [int(share > 0.98) for share in around]
    error = np.tile(1 - around[:, None], 2)
    ones = np.ones(len(number))
    return Curve(
        label, ["a", "b"], number, [noise] * len(number), found, around * 0.98, 90 * (1 - around), error, -26 * ones,
        rate, -9 * ones, 0.98, 0.7,
    )  # fmt: skip


def theirs():
    """The source's own numbers, as near as its plot can be read."""
    return made_curve([SOURCE[level].mean / SOURCE_CEILING for level in LEVELS])


def claims_of(curve):
    return LabelStudy(curve, curve, made_curve([0.7], levels=(0,)), made_curve([0.8, 1.0], levels=(8, 16))).claims


def test_the_sources_own_curve_reproduces_the_source():
    found = {claim.claim: claim.verdict for claim in claims_of(theirs())}
    assert set(found.values()) == {REPRODUCED}


def test_a_curve_that_needs_many_labels_differs():
    late = made_curve([0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.99, 0.999])
    consistent, by_level, plateau, *_ = claims_of(late)
    assert [consistent.verdict, by_level.verdict, plateau.verdict] == [DIFFERS] * 3
    assert consistent.ours == "from 64 labels on"


def test_two_draws_cannot_tell():
    few = made_curve([SOURCE[level].mean / SOURCE_CEILING for level in LEVELS], draws=2)
    assert [claim.verdict for claim in claims_of(few)][:2] == [UNTOLD] * 2


def test_a_loss_that_moves_with_the_labels_is_seen():
    c = theirs()
    assert abs(change(c, c.rate)) < 0.02
    moved = Curve(**{**vars(c), "distortion": np.linspace(-26.0, -13.0, len(c.number))})
    assert losses(moved).verdict == DIFFERS


def test_neighbours_tell_laws_apart_and_gaps_are_counted():
    rng = np.random.default_rng(0)
    one, same = rng.choice([-1.0, 1.0], (2, 300, 2)) + 0.25 * rng.normal(size=(2, 300, 2))
    assert abs(own_neighbours(one, same) - 0.5) < 0.04
    assert own_neighbours(one, rng.normal(size=(300, 2))) > 0.6
    assert in_a_gap(one) < 0.1 < in_a_gap(rng.normal(size=(300, 2)))


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    """A training of seconds on waves of two peaked factors, in place of an arm."""
    rng, place = np.random.default_rng(0), tmp_path_factory.mktemp("study")
    theta = rng.choice([-1.0, 1.0], (100, 2)) + 0.25 * rng.normal(size=(100, 2))
    x = np.linspace(0, 2 * np.pi, 24)
    height = theta @ np.stack([np.sin(x), np.cos(x)])
    store = Store.from_arrays(place / "waves.zarr", {"height": height}, {"a": theta[:, 0], "b": theta[:, 1]})
    labels = {"names": ["a", "b"], "number": [6, 20], "draws": 2}
    settings = validated(
        RunSettings,
        {
            "representation": {"kind": "modes", "modes": 2},
            "model": {"depth": 0, "scaled": "alike"},
            "objective": {"labels": labels},
            "training": {"members": 4, "steps": 150, "records": 5, "batch": 20, "held_out": 50, "learning_rate": 0.04},
        },
    )
    run = train(store, place / "run", settings)
    options = {"number": 6, "rates": [0.2, 0.1], "steps": 60}
    return SimpleNamespace(
        arm=lambda role: SimpleNamespace(name="arm", label="an arm"),
        run=lambda arm: run,
        data_of=lambda arm: store,
        option=options.__getitem__,
        study=SimpleNamespace(settings=lambda arm: settings),
    )


def test_a_curve_is_measured_member_by_member(context):
    found = curve(context, context.arm("standard"))
    assert found.number == [6, 6, 20, 20]
    assert found.by_level(found.s_d)[1].shape == (2, 2)
    assert (found.error[2:] < 0.3).all()  # six labels may mislead a member, twenty do not
    assert [found.hits(level)[1] for level in found.levels] == [2, 2]


def test_the_posterior_of_few_labels_is_measured(context):
    found = labelled_posterior(context)
    assert len(found.angle) == 2
    assert found.shown in (0, 1)
    assert found.codes.shape == (50, 2)
    assert 0 < found.p <= 1
    assert "%" in plain(pages.posterior_evidence(found).answer)


def test_equation_28_diverges_at_every_rate_and_equation_29_at_none(context):
    found = equation_28(context)
    assert all(path.why for path in found.of("density"))
    assert not any(path.why for path in found.of("labels"))
    assert [claim.verdict for claim in found.claims] == [REPRODUCED, DIFFERS]
    assert plain(pages.equation_28_evidence(found).answer).startswith("No: at 2 of 2 learning rates")
    calm = Equation28(found.steps, found.labelled, [path._replace(why="") for path in found.paths])
    assert plain(pages.equation_28_evidence(calm).answer).startswith("Not within 60 steps")


def test_words_follow_the_numbers():
    late = made_curve([0.6] * 7 + [0.9])
    without, seen = made_curve([0.7], levels=(0,)), made_curve([0.8, 1.0], levels=(8, 16))
    good, bad = (plain(pages.label_evidence(LabelStudy(c, c, without, seen)).answer) for c in (theirs(), late))
    assert good.startswith("From 32 labelled rows on")
    assert bad.startswith("Not even 512 labels")
    for c, words in ((theirs(), "From 32 labelled rows on"), (late, "no number was enough")):
        assert words in plain(pages.correlated_evidence(CorrelatedLabels(c, 0.7)).answer)


def test_noise_and_one_factor_are_told_apart():
    quiet, loud = (made_curve([share], levels=(32,), noise=noise) for share, noise in ((0.99, 0.0), (0.6, 1.0)))
    joined = {name: [*getattr(quiet, name), *getattr(loud, name)] for name in ("number", "noise", "found")} | {
        name: np.concatenate([getattr(quiet, name), getattr(loud, name)])
        for name in ("s_d", "angle", "error", "distortion", "rate", "term")
    }
    noise = Curve(**{**vars(quiet), **joined})
    said = plain(pages.limits_evidence(LabelLimits(noise, theirs())).answer)
    assert "raises the error from 0.01 to 0.4" in said
    assert plain(pages.limits_evidence(LabelLimits(quiet, theirs())).answer).count("costs nothing") == 1


@pytest.mark.parametrize("kind", [LabelStudy, LabelLimits, CorrelatedLabels, Equation28])
def test_answers_can_be_kept(kind):
    check_type(kind)
