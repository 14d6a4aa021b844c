"""The measures of the packing study on tables small enough to train in seconds, with a physics of our own."""

import json
import re
import shutil
from functools import partial

import numpy as np
import pytest
from scipy import stats

from beable.datasets.store import Store
from beable.errors import DataError, UsageError
from beable.records import plain
from beable.simulator import Factor
from beable.streams import RowStreams
from beable.studies.codec import decode, encode
from beable.studies.context import Context, data_path, dataset_path, number_at, run_path
from beable.studies.study import Data, parse
from beable.system import SYSTEMS
from beable.systems.packing.mi_readings import readings
from beable.systems.packing.nmi_spread import chance_of_good_parity, spread_artefact
from beable.systems.packing.parts.cells import by_function, by_simulator, summary
from beable.systems.packing.parts.cross_entropy import _collapse
from beable.systems.packing.parts.ensembles import Decoded, Members, decoded, drawn_rows, members_of, picked
from beable.systems.packing.parts.oracles import _description, simulated, surrogate, within_ranges
from beable.systems.packing.parts.planes import plane
from beable.systems.packing.parts.rows import inputs, size_names, some, whole_of
from beable.systems.packing.parts.trends import PAIRINGS, explained, trends
from beable.systems.packing.study import PARTS as MEASURED
from beable.systems.packing.tables_of_study import coarsest_first
from beable.training.run import Run, train
from beable.training.settings import RunSettings

pytestmark = pytest.mark.filterwarnings("ignore:rows .* repeat an earlier row")

BETAS, SEEDS, PARTS = (0.01, 0.1, 0.5, 1.0, 8.0), 2, 3


def physics(x):
    """A packing fraction that depends on all inputs, smoothly."""
    return 0.62 + 0.05 * np.tanh(x[:, 0] - x[:, 2]) + 0.05 * x[:, 1] + 0.04 * x[:, 6] * x[:, 7]


class Packings:
    """Stands for the simulator: nine factors, and a little noise of its own."""

    def __init__(self, **settings):
        names = [f"{name}_{i}" for i in (1, 2, 3) for name in ("median", "spread")]
        ends = [(0.5, 3.0) if name.startswith("m") else (0.0, 0.8) for name in names]
        shares = [Factor(f"mass_fraction_{i}", f"x_{i}", low=0.0, high=1.0) for i in (1, 2, 3)]
        self.factors = (*(Factor(n, n, low=a, high=b) for n, (a, b) in zip(names, ends, strict=True)), *shares)

    def simulate(self, values, streams):
        noise = np.array([g.normal(0, 0.001) for g in streams.generators("simulation")])
        return {"packing_fraction": np.where(values[:, 1] > 0.79, np.nan, physics(values) + noise)}


def table(rows, seed, own=True):
    rng = np.random.default_rng(seed)
    size, spread = rng.uniform(0.5, 3, (rows, PARTS)), rng.uniform(0, 0.78, (rows, PARTS))
    shares = rng.dirichlet([2, 2, 2], rows)
    names = ("median", "spread") if own else ("mean_size", "size_deviation")
    found = {names[0]: size, names[1]: spread, "mass_fraction": shares}
    return found | {"packing_fraction": physics(inputs(found)) + rng.normal(0, 0.001, rows)}


def stored(path, arrays, flags=None):
    more = {} if flags is None else {"decoded": flags.astype(np.uint8)}
    dims = {name: ["component"] for name in arrays if np.ndim(arrays[name]) == 2}
    return Store.from_arrays(path, arrays | more, dims=dims)


STUDY = """
name = "small"
title = "A small study"
source = "nobody"
question = "Does it run?"
[data]
simulator = "packing"
rows = 300
[run]
[[arms]]
name = "range"
label = "all, min-max"
[[arms]]
name = "deviation"
label = "all, z-score"
[[parts]]
name = "axis"
title = "β"
question = "?"
measure = "packing-beta"
arms = { judged = ["range", "deviation"], pictured = "range" }
options = { rows = 200, trees = 4, repeats = 9, planes = [0.01, 8.0], plane_rows = 40 }
[[parts]]
name = "better"
title = "calibrated"
question = "?"
measure = "calibrated"
arms = { judged = ["range"] }
options = { rows = 80, trees = 4, repeats = 9 }
[[parts]]
name = "zero"
title = "readings"
question = "?"
measure = "at-zero"
arms = { read = ["range"], along = ["range"] }
options = { rows = 200, trees = 4 }
[[parts]]
name = "chance"
title = "chance"
question = "?"
measure = "spread-artefact"
options = { draws = 3, studies = 1 }
"""


WITHOUT_AND_WITH = '{ without = "range", with = "deviation" }'
FLAGGED = """
[datasets.flagged]
source = "table"
file = "paper"
settings = { keep_flagged = true }
[datasets.few]
source = "subset"
of = "flagged"
"""


def settings(study, arm, own=True, steps=80, betas=BETAS, **model):
    """Trainings at a high rate, which few steps end whatever their seed."""
    names = ("median", "spread") if own else ("mean_size", "size_deviation")
    every = [beta for beta in betas for _ in range(SEEDS)]
    tree = {
        "variables": [*names, "mass_fraction", "packing_fraction"],
        "representation": {
            "kind": "table", "scaling": arm, "composition": "mass_fraction", "simplex": "rescale", "groups": "all",
        },
        "model": {"latents": 2, "width": 16, "depth": 1, "variance": "fixed", "sigma": float(np.sqrt(0.5))} | model,
        "objective": {"beta": {"kind": "constant", "beta": every}},
        "training": {
            "members": len(every), "steps": steps, "records": 5, "batch": 100, "start": "random",
            "learning_rate": 5e-2, "keep": "last", "patience": None,
        },
    }  # fmt: skip
    return RunSettings.model_validate(tree)


@pytest.fixture(scope="module", autouse=True)
def known():
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(SYSTEMS), "simulator", lambda systems, name: Packings)
        yield


@pytest.fixture(scope="module")
def contexts(known, tmp_path_factory):
    """A context for each part of a study whose arms are trained."""
    out = tmp_path_factory.mktemp("study")
    study = parse(STUDY, "small")
    store = stored(data_path(out), table(300, 0))
    (out / "runs").mkdir()
    for arm in ("range", "deviation"):
        train(store, run_path(out, arm), settings(study, arm))
    return {part.name: Context(study, part, out) for part in study.parts}


@pytest.fixture(scope="module")
def axis(contexts):
    return MEASURED["packing-beta"].measure(contexts["axis"])


# The β axis


def apart(arm, thresholds, least):
    """Largest distance of a median total rate from the one that thresholds predict, over β from a least one."""
    rates = {beta: arm.trained.rate[arm.members.betas == beta].sum(1) for beta in BETAS if beta >= least}
    return max(abs(np.median(rate) - thresholds.rates(beta).sum()) for beta, rate in rates.items())


def test_trained_arms_collapse_where_predicted_in_both_scalings(axis):
    """At the least β networks make use of more than a linear model does, of which the prediction is."""
    small, large = axis.arms["range"], axis.arms["deviation"]
    assert small.thresholds.collapse < 0.5 < 8 > large.thresholds.collapse > 1
    for arm, other in ((small, large), (large, small)):
        assert arm.brackets
        assert not arm.measured().brackets(other.predicted())
        assert apart(arm, arm.thresholds, 0.1) < 0.5 < 1.5 < apart(arm, other.thresholds, 0.1)
        assert arm.rate_error == pytest.approx(apart(arm, arm.thresholds, 0.01))
        assert arm.trained.rate[arm.members.betas > 1.2 * arm.thresholds.collapse].max() < 0.05
        assert arm.trained.rate[arm.members.betas == 0.01].sum(1).min() > 1
        assert arm.readings[arm.scaling]["sum, sum"] == pytest.approx(arm.thresholds.collapse, rel=0.15)
    assert large.measured().brackets(small.thresholds.collapse) is False


def test_collapsed_models_decode_one_value_and_others_follow_their_rows(axis):
    arm = axis.arms["range"]
    dead, live = arm.at(8.0), arm.at(0.01)
    assert all(c.parity.reconstructed_deviation < 0.01 for c in dead)
    assert all(c.parity.reconstructed_deviation > 0.01 for c in live)
    collapsed, alive = summary(arm.side(collapsed=True)), summary(arm.side(collapsed=False))
    assert alive["deviation"] > 2 * collapsed["deviation"]
    assert alive["nmi"] > collapsed["nmi"]


def test_the_simulator_is_asked_for_the_first_seed_of_each_beta(axis):
    for arm in axis.arms.values():
        assert [c.beta for c in arm.simulated] == list(BETAS)
        assert {c.seed for c in arm.simulated} == {0}
        assert len(arm.cells) == len(BETAS) * SEEDS
        assert all(c.parity.rows <= 25 for c in arm.simulated)


PATHS = [
    "arms.range.predicted.collapse", "arms.range.measured.0.dead", "arms.range.measured.0.brackets",
    "arms.deviation.readings.deviation.mean, mean", "arms.range.surrogate.r2", "arms.range.levels.0.rates.0",
    "arms.range.levels.4.parity.naive_pass_rate.high_nmi",
    "arms.range.levels.0.squared_error", "arms.range.collapsed.nmi",
    "arms.range.levels.0.predicted_squared_error", "arms.range.best.0", "arms.range.simulated.0.r2",
    "trends.all.nmi_against_deviation.r2", "trends.all.t_against_nmi.crossing",
    "trends.range.nmi_against_beta.r2_by_chance",
    "nmi.explained_by_chance", "collapsed.naive_pass_rate.t_test_passed_and_high_nmi", "planes.2.spread", "brackets",
]  # fmt: skip


def test_every_number_that_a_study_may_quote_is_there(axis):
    numbers = plain(axis)
    json.dumps(numbers, allow_nan=False)
    for path in PATHS:
        assert isinstance(number_at(numbers, path), int | float), path


def test_an_answer_is_kept_without_its_forest(axis, contexts):
    code, arrays = contexts["axis"].code, {}
    kept = json.loads(json.dumps(encode(axis, code.answer, arrays)))
    assert len(json.dumps(kept)) + sum(a.nbytes for a in arrays.values()) < 2e6
    assert decode(kept, code.answer, arrays).as_json() == axis.as_json()


def test_losses_of_the_history_end_where_the_rows_are(axis):
    arm = axis.arms["range"]
    last = arm.history.loss[-1]
    found = arm.trained.squared_error + arm.members.betas * arm.trained.rate.sum(1)
    assert last == pytest.approx(found, rel=0.25, abs=0.02)
    assert len(arm.history.steps) == len(arm.history.loss)
    assert (arm.history.loss[0] > last).mean() > 0.8


def test_the_picture_of_a_collapsed_model_is_called_dust_or_nearly(axis):
    raw, live, dead = axis.planes
    assert (raw.beta, raw.spread, live.beta, dead.beta) == (None, 1.0, 0.01, 8.0)
    assert 0.3 < live.spread < 1.2
    assert dead.spread < 0.2
    assert live.own > live.true - 0.05
    assert raw.points.shape == (40, 2)


def test_a_beta_axis_needs_a_fixed_variance(contexts, tmp_path):
    study = contexts["axis"].study
    given = settings(study, "range", variance="closed")
    given = given.model_copy(update={"training": given.training.model_copy(update={"steps": 2})})
    with pytest.raises(UsageError, match="fixed variance"):
        members_of(train(contexts["axis"].store, tmp_path / "run", given))


def test_members_share_their_rows_with_the_same_seed_of_other_betas():
    members = Members(np.repeat([0.1, 1.0], 2), np.array([0, 1, 0, 1]))
    rows = picked(100, 25, members, 0)
    assert rows.shape == (4, 25)
    assert (rows[0] == rows[2]).all()
    assert (rows[0] != rows[1]).any()
    assert all(len(set(r)) == 25 for r in rows)


# Oracles and cells


def test_a_surrogate_says_how_far_to_trust_it():
    x = inputs(table(200, 1))
    known = surrogate(x, physics(x), trees=10)
    noise = surrogate(x, np.random.default_rng(0).normal(size=200), trees=10)
    assert known.trust.r2 > 0.6
    assert noise.trust.r2 < 0.1
    assert known.trust.deviation == pytest.approx(np.sqrt((1 - known.trust.r2) * physics(x).var()))
    with pytest.raises(DataError, match="too short"):
        surrogate(x[:9], physics(x)[:9])


def test_decoded_rows_are_brought_into_the_ranges_of_the_simulator():
    x = inputs(table(6, 2))
    x[1, 0], x[2, 6:] = -3.0, [0.6, 0.6, -0.1]
    found = simulated(Packings(), x, 0)
    assert found.moved.tolist() == [False, True, True, False, False, False]
    inside = x.copy()
    inside[1, 0], inside[2, 6:] = 0.5, [0.5, 0.5, 0.0]
    expected = Packings().simulate(inside, RowStreams(0, 0, 6))["packing_fraction"]
    assert found.values == pytest.approx(expected)
    with pytest.raises(DataError, match="9 factors"):
        simulated(Packings(), x[:, :8], 0)


def test_a_cell_of_the_simulator_leaves_out_what_it_refuses():
    x = inputs(table(12, 3))
    x[4, 1] = 0.8
    rows, members = [Decoded(x, physics(x))], Members(np.array([1.0]), np.array([0]))
    (cell,) = by_simulator(Packings(), rows, members, 0, 9)
    assert cell.parity.rows == 11
    assert cell.parity.r2 > 0.99
    (wrong,) = by_function(lambda x: physics(x[:, ::-1]), rows, members, 9)
    assert wrong.parity.r2 < 0.5
    x[2:, 1] = 0.8
    assert by_simulator(Packings(), rows, members, 0, 9) == []


def test_numbers_of_no_cell_are_none():
    assert summary([]) == {"cells": 0}


# Trends


def columns(seed, coupled):
    rng = np.random.default_rng(seed)
    found = {name: rng.normal(size=12) for name in ("beta", "nmi", "chance", "ami", "deviation", "t", "p")}
    return found | ({"nmi": found["beta"] ** 2 + 0.1 * found["nmi"], "t": 3 - 2 * found["nmi"]} if coupled else {})


def test_trends_of_noise_are_significant_as_often_as_their_level(monkeypatch):
    one = {"nmi_against_beta": PAIRINGS["nmi_against_beta"]}
    monkeypatch.setattr("beable.systems.packing.parts.trends.PAIRINGS", one)
    found = trends([columns(s, coupled=False) for s in range(50)], critical=2.0, repeats=99)
    numbers = plain(found["nmi_against_beta"])
    assert numbers["significant"] == pytest.approx(0.05, abs=4 * (0.05 * 0.95 / 50) ** 0.5)
    assert numbers["r2_by_chance"] == pytest.approx(2 / 11, abs=0.03)
    law = stats.beta(1, 9 / 2)  # of R² of a parabola through 12 points of noise
    assert numbers["r2"] == pytest.approx(law.median(), abs=4 / (2 * law.pdf(law.median()) * 50**0.5))
    monkeypatch.undo()
    twin = trends([columns(s, coupled=True) for s in range(3)], critical=2.0, repeats=99)
    assert set(twin) == set(PAIRINGS)
    assert plain(twin["nmi_against_beta"])["significant"] == 1.0
    assert plain(twin["nmi_against_beta"])["r2"] > 0.5


def test_a_line_meets_its_level():
    rng = np.random.default_rng(0)
    x = rng.uniform(size=12)
    seed = columns(0, coupled=False) | {"nmi": x, "t": 6 - 4 * x}
    found = plain(trends([seed], critical=2.5, repeats=9)["t_against_nmi"])
    assert found["crossing"] == pytest.approx(0.875)
    assert explained(x, (6 - 4 * x)[:, None], 1) == pytest.approx(1.0)


def test_too_few_points_have_no_trend():
    few = {name: values[:3] for name, values in columns(0, coupled=False).items()}
    found = plain(trends([few], 2.0, 9)["nmi_against_beta"])
    assert found.pop("seeds") == 0
    assert set(found.values()) == {None}


@pytest.mark.parametrize("name", ["nmi", "t"])
def test_points_that_differ_by_rounding_alone_have_no_trend(name):
    still = columns(0, coupled=False)
    still[name] = 0.1 + 1e-17 * (np.arange(len(still[name])) % 3)
    assert np.ptp(still[name]) > 0
    found = plain(trends([still], 2.0, 9)["t_against_nmi"])
    assert found.pop("seeds") == 0
    assert set(found.values()) == {None}


# t-SNE


def test_rows_that_do_not_differ_lie_on_one_point():
    found = plane(np.zeros((30, 4)), np.full(30, 0.6), np.linspace(0, 1, 30), 1.0, 7.0)
    assert found.dust
    assert (found.points == 0).all()
    json.dumps(plain(found), allow_nan=False)
    assert not plane(np.random.default_rng(0).normal(size=(30, 4)), np.arange(30.0), np.arange(30.0), 1.0).dust


# Calibrated likelihoods


def test_a_calibrated_arm_is_judged_on_rows_it_never_saw(contexts):
    found = MEASURED["calibrated"].measure(contexts["better"])
    arm = found.arms["range"]
    run = contexts["better"].run(contexts["better"].arms("judged")[0])
    assert len(arm.truth) == min(80, len(run.held_rows))
    good = run.settings.objective.beta.beta.index(0.01)
    assert arm.r2_of_row[good] > arm.r2_of_row[-1]
    assert arm.r2_of_row[-1] < 0.1
    numbers = plain(found)
    json.dumps(numbers, allow_nan=False)
    for path in ("arms.range.r2_of_row", "arms.range.generated.mae", "arms.range.regenerated.cells", "arms.range.elbo"):
        assert isinstance(number_at(numbers, path), int | float), path
    assert found.best == "range"


class Blind(Packings):
    """A simulator that knows that the order of components means nothing."""

    def features(self, values):
        return blind(values)[:, None]


def blind(x):
    """A packing fraction of sizes in any order."""
    return 0.5 + 0.05 * np.ptp(x[:, 0:6:2], axis=1)


def test_a_judge_that_sees_features_needs_fewer_rows():
    x, others = (inputs(table(rows, seed)) for rows, seed in ((80, 1), (200, 2)))
    plain, told = (surrogate(x, blind(x), trees=10, describe=seen) for seen in (np.asarray, _description(Blind())))
    assert plain.trust.r2 < 0.7 < 0.97 < told.trust.r2
    error = [np.square(judge.predict(others) - blind(others)).mean() / blind(others).var() for judge in (plain, told)]
    assert error[1] < 0.05 < 0.2 < error[0]
    far = others * np.array([100.0, 1, 1, 1, 1, 1, 1, 1, 1])
    assert np.abs(told.predict(far) - blind(within_ranges(Blind(), far))).max() < 0.02
    assert _description(Packings()) is np.asarray


@pytest.fixture(scope="module")
def calibrated_both_ways(known, tmp_path_factory):
    """Trainings with a variance for each column on powders in any order, and with the coarsest component first."""
    out, found = tmp_path_factory.mktemp("order"), {}
    given = table(400, 3) | {"spread": np.full((400, PARTS), 0.2)}
    given["packing_fraction"] = blind(inputs(given)) + np.random.default_rng(0).normal(0, 0.001, 400)
    made = {"any": given, "first": turned(given)}
    for name, rows in made.items():
        tree = settings(None, "deviation", variance="closed-channel").model_dump(mode="json")
        tree["representation"] |= {"groups": "column", "constant": "keep", "simplex": "ilr"}
        tree["objective"]["beta"] = {"kind": "constant", "beta": 1.0}
        tree["training"] |= {"members": 5, "steps": 80, "records": 2, "learning_rate": 6e-2}
        found[name] = train(stored(out / f"{name}.zarr", rows), out / name, RunSettings.model_validate(tree)), rows
    return found


def turned(rows):
    """Components of each row in order, coarsest first."""
    order = coarsest_first(rows)
    return {n: np.take_along_axis(v, order, 1) if v.shape == order.shape else v for n, v in rows.items()}


def r2(truth, predicted):
    return 1 - np.square(truth - predicted).mean() / truth.var()


def test_the_mean_of_powders_in_any_order_is_no_powder_of_theirs(calibrated_both_ways):
    """Only with the components in order does a powder pack as the number that is decoded, or drawn, beside it.

    Of twenty trainings in order one ends with powders that drawing leaves: the law is of the median of five.
    """
    seen = {}
    for name, (run, rows) in calibrated_both_ways.items():
        z = run.encode(rows).mean
        made = zip(decoded(run, z), drawn_rows(run, z, 0), strict=True)
        seen[name] = np.array([[r2(blind(d.inputs), d.packing_fraction) for d in each] for each in made])
    assert (np.median(seen["first"], axis=0) > [0.95, 0.85]).all()
    assert seen["any"].max() < 0.75
    assert seen["any"][:, 1].max() < 0.4


# Readings


def test_every_reading_of_the_score_is_taken_of_the_same_pairs(contexts):
    answer = MEASURED["at-zero"].measure(contexts["zero"])
    arm = answer.arms["range"]
    assert arm.scores.shape == (len(readings()), len(BETAS) * SEEDS)
    assert (answer.cells, answer.rates) == (len(BETAS) * SEEDS, [5e-2])
    first = answer.along[0]
    assert first.largest <= 1 <= answer.along[1].largest
    assert first.at_zero == {}
    assert answer.best.name in answer.names
    assert {claim.verdict for claim in answer.claims} <= {"reproduced", "differs", "cannot be told apart"}
    json.dumps(plain(answer), allow_nan=False)


def test_readings_of_known_pairs():
    known = {reading.name: reading for reading in readings()}
    x = np.arange(25.0) / 25
    other = np.tile(np.arange(5.0), 5)
    assert known["5 bins, bits"].score(x, x) == pytest.approx(np.log2(5))
    assert known["5 bins, normalised"].score(x, x) == pytest.approx(1)
    assert known["5 bins, bits"].score(x, other) == pytest.approx(0, abs=1e-12)
    assert known["3 decimals, bits"].score(x, x) == pytest.approx(np.log2(25))
    assert all(reading.score(np.full(25, 0.65), x) == 0 for reading in known.values())
    assert known["neighbours, bits"].score(x, x) == pytest.approx(known["neighbours, nats"].score(x, x) / np.log(2))


@pytest.fixture(scope="module")
def crossed(contexts, tmp_path_factory):
    """The cross entropy on columns as they are and from 0 to 1, and the squared error of an arm that is trained."""
    out = tmp_path_factory.mktemp("crossed")
    text = STUDY.replace('measure = "packing-beta"', 'measure = "cross-entropy"').replace(
        '{ judged = ["range", "deviation"], pictured = "range" }', '{ judged = ["none", "range"], squared = "squared" }'
    )
    text = text.replace('name = "deviation"', 'name = "none"') + '[[arms]]\nname = "squared"\nlabel = "squared"\n'
    study = parse(re.sub(r"options = \{ rows = 200, trees = 4, repeats.*", "options = { rows = 200 }", text), "small")
    store = stored(data_path(out), table(300, 0))
    (out / "runs").mkdir()
    for arm in ("none", "range"):
        train(store, run_path(out, arm), settings(study, arm, betas=(0.1, 0.5, 1.0), likelihood="bernoulli"))
    shutil.copytree(run_path(contexts["axis"].out, "range"), run_path(out, "squared"))
    return MEASURED["cross-entropy"].measure(Context(study, study.parts[0], out))


def test_the_cross_entropy_is_bounded_where_columns_are_shares(crossed):
    free, bounded = crossed.arms["none"], crossed.arms["range"]
    assert free.negative.answer is True
    assert (free.falling > 0).all()
    assert np.isnan(free.floor)
    assert bounded.negative.answer is False
    assert bounded.last.min() > bounded.floor > 0
    assert crossed.ratio > 2
    assert [claim.verdict for claim in crossed.claims] == ["artefact", "reproduced", "artefact"]
    json.dumps(plain(crossed), allow_nan=False)


def test_models_of_cross_entropy_lose_their_latents_where_predicted(crossed):
    bounded, squared = crossed.arms["range"], crossed.squared
    assert squared.alive < squared.collapse < squared.dead == bounded.alive < bounded.collapse < bounded.dead
    assert squared.collapse < bounded.collapse / 1.5
    codes = np.random.default_rng(0).uniform(0, 1, (4000, 2))
    assert _collapse(codes, crossed=False) == pytest.approx(2 / 12, rel=0.1)
    assert _collapse(codes, crossed=True) == pytest.approx(4 / 12, rel=0.1)


def test_the_artefact_needs_no_model(contexts, monkeypatch):
    few = {"chance_of_good_parity": partial(chance_of_good_parity, cells=6)}
    few["spread_artefact"] = partial(spread_artefact, [0.0005, 0.06])
    for name, function in few.items():
        monkeypatch.setattr(f"beable.systems.packing.parts.artefact.{name}", function)
    numbers = plain(MEASURED["spread-artefact"].measure(contexts["chance"]))
    json.dumps(numbers, allow_nan=False)
    assert number_at(numbers, "means_equal.nmi.1.1") > 0.9 > number_at(numbers, "means_equal.nmi.0.0") + 0.5


# Rows that an auto-encoder made


@pytest.fixture(scope="module")
def with_decoded(known, tmp_path_factory):
    """A table, and the same with rows on a curve among it, each with a trained arm."""
    out = tmp_path_factory.mktemp("decoded")
    text = STUDY.replace('measure = "packing-beta"', 'measure = "decoded-rows"') + FLAGGED
    text = text.replace('{ judged = ["range", "deviation"], pictured = "range" }', WITHOUT_AND_WITH)
    text = text.replace('name = "deviation"', 'name = "deviation"\ndata = "flagged"')
    study = parse(text.replace("rows = 200, trees", "rows = 90, trees"), "small")
    clean = table(300, 5, own=False)
    curve = {k: np.outer(np.linspace(0.4, 0.6, 80), np.ones(np.prod(v.shape[1:], dtype=int))) for k, v in clean.items()}
    curve = {k: v.reshape(80, *clean[k].shape[1:]) for k, v in curve.items()}
    both = {k: np.concatenate([clean[k], curve[k], curve[k][:5]]) for k in clean}
    stores = {
        "range": stored(data_path(out), clean),
        "deviation": stored(dataset_path(out, "flagged"), both, np.arange(385) >= 300),
    }
    (out / "runs").mkdir()
    for arm, store in stores.items():
        train(store, run_path(out, arm), settings(study, arm, own=False, steps=20))
    return Context(study, study.parts[0], out), stores


def test_arms_with_and_without_decoded_rows_are_judged_on_the_same_rows(with_decoded):
    context, stores = with_decoded
    answer = MEASURED["decoded-rows"].measure(context)
    runs = {name: Run.load(run_path(context.out, name)) for name in stores}
    assert 3 <= answer.rows <= min(len(r.held_rows) for r in runs.values())
    assert (answer.found.rows, answer.found.repeats) == (85, 2)
    assert answer.found.variances[0] > 0.99 > answer.found.designed_variances[0]
    numbers = plain(answer)
    json.dumps(numbers, allow_nan=False)
    for path in ("r2_lost", "error_gained", "surrogate_r2.last", "decoded.variances.0", "arms.range.collapse.range"):
        assert isinstance(number_at(numbers, path), int | float), path


def test_a_table_without_flags_is_refused(with_decoded):
    context, _ = with_decoded
    turned = context.part.model_copy(update={"arms": {"without": "deviation", "with": "range"}})
    context = Context(context.study, turned, context.out)
    with pytest.raises(DataError, match="keep flagged rows"):
        MEASURED["decoded-rows"].measure(context)


# Tables


def test_a_table_of_packings_is_known_by_its_names(contexts):
    assert size_names(["mean_size", "size_deviation", "mass_fraction"]) == ("mean_size", "size_deviation")
    with pytest.raises(DataError, match="median and spread") as caught:
        size_names(["pressure"])
    assert "\n" not in str(caught.value)
    context = contexts["axis"]
    arm = context.arm("pictured")
    assert context.data_of(arm).id == whole_of(context, arm).id == context.store.id


def test_a_surrogate_knows_the_whole_table_that_a_subset_is_of(with_decoded):
    context, stores = with_decoded
    arm = context.arm("with")
    assert context.data_of(arm).id == whole_of(context, arm).id == stores["deviation"].id
    assert whole_of(context, arm.model_copy(update={"data": "few"})).id == stores["deviation"].id
    datasets = context.study.datasets | {"few": Data(source="subset", of="data")}
    own = Context(context.study.model_copy(update={"datasets": datasets}), context.part, context.out)
    assert whole_of(own, arm.model_copy(update={"data": "few"})).id == stores["range"].id


def test_rows_are_taken_from_all_over_a_table():
    rows = np.arange(100, 1100)
    taken = some(rows, 200, 0)
    assert len(set(taken.tolist())) == 200
    assert (np.diff(taken) > 0).all()
    assert abs(taken.mean() - rows.mean()) < 60 < abs(rows[:200].mean() - rows.mean())
    assert (some(rows, 5000, 0) == rows).all()


def test_inputs_stand_in_the_order_of_the_factors():
    x = table(4, 0)
    found = inputs(x)
    assert found.shape == (4, 9)
    assert (found[:, 2] == x["median"][:, 1]).all()
    assert (found[:, 5] == x["spread"][:, 2]).all()
    assert (found[:, 6:] == x["mass_fraction"]).all()
