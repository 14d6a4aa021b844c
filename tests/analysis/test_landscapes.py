"""Landscapes: known answers for a quadratic, for equal solutions, for the same network with other latents."""

import numpy as np
import pytest
import torch

from beable import ModelSettings, RunSettings, Store, TrainingSettings, train
from beable.analysis.landscapes import Objective, around, like_norm, line, plane, random_directions
from beable.analysis.solutions import asked, codes_at, matched, nearest_swap, solution, stack, starting_points, turned
from beable.errors import UsageError

ROWS, WIDTH = 60, 8
SWAP = np.array([[0.0, -1.0], [1.0, 0.0]])


def turn_by(degrees):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s], [s, c]])


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    rng = np.random.default_rng(0)
    theta = rng.choice([-1.0, 1.0], (ROWS, 2)) + 0.25 * rng.normal(size=(ROWS, 2))
    field = np.tanh(theta @ rng.normal(size=(2, 12))) + 0.01 * rng.normal(size=(ROWS, 12))
    return Store.from_arrays(tmp_path_factory.mktemp("data") / "data.zarr", {"height": field})


def run_of(store, folder, steps=20, rate=3e-3, start="ica", **model):
    settings = RunSettings(
        model=ModelSettings(**{"width": WIDTH, "depth": 1} | model),
        training=TrainingSettings(members=2, steps=steps, records=2, keep="last", learning_rate=rate, start=start),
    )
    return train(store, folder / "run", settings)


@pytest.fixture(scope="module")
def run(store, tmp_path_factory):
    return run_of(store, tmp_path_factory.mktemp("run"), steps=60, rate=0.02, start="random")


@pytest.fixture(scope="module")
def held(run, store):
    return {"height": store.read("height", run.held_rows)}


@pytest.fixture(scope="module")
def objective(run, held):
    return Objective(run, held, draws=4)


# known landscapes


def bowl(points):
    """x'Hx/2 with H = diag(1, 4), without noise: every draw is the same."""
    value = 0.5 * (points["x"] ** 2 * torch.tensor([1.0, 4.0])).sum(1)
    return {"total": np.stack([value.numpy()] * 2)}


def test_a_line_through_a_quadratic_is_a_parabola():
    start, end = {"x": torch.tensor([-1.0, 0.5])}, {"x": torch.tensor([1.0, 0.5])}
    found = line(bowl, [start], [end])
    np.testing.assert_allclose(found.terms["total"][0], 0.5 * (2 * found.places - 1) ** 2 + 0.5, atol=1e-12)
    assert found.barrier().tolist() == [0.0]
    assert found.has_barrier()[0].answer is False
    assert np.flatnonzero(found.minima()[0]).tolist() == [10]
    assert found.rises()[0].answer is False
    assert line(bowl, [{"x": torch.zeros(2)}], [end]).rises()[0].answer is True


def test_the_barrier_of_a_hill_is_its_height():
    hill = line(lambda p: {k: -v for k, v in bowl(p).items()}, [{"x": torch.tensor([-1.0, 0])}], [{"x": torch.ones(2)}])
    exact = -0.5 * (2 * hill.places - 1) ** 2 - 2 * hill.places**2
    np.testing.assert_allclose(hill.terms["total"][0], exact, atol=1e-12)
    assert hill.barrier()[0] == pytest.approx(1.0)  # (2 + 2) α (1 - α) at α = 1/2
    assert hill.has_barrier()[0].answer is True


def test_a_plane_through_a_quadratic_is_its_hessian():
    directions = ({"x": torch.tensor([1.0, 0.0])}, {"x": torch.tensor([0.0, 2.0])})
    found = plane(bowl, {"x": torch.zeros(2)}, directions, np.array([-1.0, 0.0, 1.0]))
    assert found.terms["total"].tolist() == [[8.5, 0.5, 8.5], [8.0, 0.0, 8.0], [8.5, 0.5, 8.5]]


def test_one_draw_cannot_tell_a_barrier():
    one = line(lambda p: {"total": -bowl(p)["total"][:1]}, [{"x": torch.tensor([-1.0, 0])}], [{"x": torch.ones(2)}])
    assert one.has_barrier()[0].answer is None


# runs


def test_the_objective_at_a_solution_is_that_of_the_run(run, held):
    """Its rate has a closed form and is that of `Run.score`; with β = 1 and in nats the total is the sum."""
    terms = Objective(run, held, draws=2)(stack([solution(run, k) for k in range(2)]))
    scores = run.score(held)
    np.testing.assert_allclose(terms["rate/z"][0], scores.rate.sum(2).mean(1), rtol=1e-5)
    np.testing.assert_allclose(terms["total"], terms["distortion"] + terms["rate/z"], rtol=1e-12)


def test_all_points_see_the_same_noise(run, objective):
    """A line between two equal solutions is flat to rounding; with noise of their own, the twin, it is not."""
    point = solution(run, 0)
    flat = line(objective, [point], [point])
    assert np.ptp(flat.samples["total"], axis=-1).max() < 1e-9
    assert flat.has_barrier()[0].answer is False
    assert flat.samples["total"].std(0).max() > 1e-6


def test_ends_of_a_line_are_the_solutions(run, objective):
    first, second = solution(run, 0), solution(run, 1)
    ends = objective(stack([first, second]))["total"].mean(0)
    np.testing.assert_allclose(line(objective, [first], [second]).terms["total"][0, [0, -1]], ends, rtol=1e-12)


def test_evaluating_a_few_points_at_once_changes_nothing(run, objective, monkeypatch):
    whole = line(objective, [solution(run, 0)], [solution(run, 1)]).samples["total"]
    monkeypatch.setattr("beable.analysis.landscapes.AT_ONCE", 3000)
    np.testing.assert_allclose(line(objective, [solution(run, 0)], [solution(run, 1)]).samples["total"], whole)


def test_the_run_is_left_as_it_is(run, objective):
    before = {name: t.clone() for name, t in run.vae.state_dict().items()}
    around(objective, solution(run, 0), random_directions(run, solution(run, 0), 1))
    assert all(torch.equal(t, before[name]) for name, t in run.vae.state_dict().items())


@pytest.mark.parametrize("start", ["ica", "random"])
def test_the_start_of_a_run_is_made_again(store, tmp_path, start):
    """A training whose steps are too small to change single precision still has the parameters it began with."""
    settings = RunSettings(
        model=ModelSettings(width=WIDTH),
        training=TrainingSettings(members=2, steps=1, learning_rate=1e-30, keep="last", start=start, seed=3),
    )
    still = train(store, tmp_path / "run", settings)
    points = starting_points(still, store)
    learned = {name for name, _ in still.vae.named_parameters()}
    for k, point in enumerate(points):
        kept = solution(still, k)
        assert all(torch.allclose(point[name], kept[name], rtol=0, atol=1e-20) for name in learned)
    others = starting_points(still, store, seed=4, start="random", members=5)
    assert len(others) == 5
    assert not torch.allclose(others[0]["encoder.network.layers.0.weight"], kept["encoder.network.layers.0.weight"])


def test_another_data_set_has_no_start_of_this_run(run, tmp_path):
    other = Store.from_arrays(tmp_path / "other.zarr", {"height": np.random.default_rng(1).normal(size=(ROWS, 12))})
    with pytest.raises(UsageError, match="not the data set"):
        starting_points(run, other)


def test_training_goes_downhill(run, store):
    objective = Objective(run, {"height": store.read("height", run.train_rows)}, draws=2)
    found = line(objective, starting_points(run, store), [solution(run, 0), solution(run, 1)])
    total = found.terms["total"]
    assert (total[:, 0] > total[:, -1] + 1).all()


# random directions


@pytest.mark.parametrize("by", ["layer", "filter"])
def test_random_directions_have_the_norm_of_the_layer(run, by):
    point = solution(run, 0)
    (way,) = random_directions(run, point, 1, by=by)
    for name, _ in run.vae.named_parameters():
        assert way[name].norm() == pytest.approx(float(point[name].norm()), rel=1e-5), name
    weight, d = point["decoder.linear.weight"], way["decoder.linear.weight"]
    same = torch.allclose(d.norm(dim=0), weight.double().norm(dim=0), rtol=1e-5)
    assert same == (by == "filter")
    assert float(way["decoder.log_variance"].norm()) == 0  # in closed form: no parameter


def test_random_directions_do_not_depend_on_their_number(run):
    point = solution(run, 0)
    few, many = random_directions(run, point, 1), random_directions(run, point, 3)
    assert all(torch.equal(few[0][name], many[0][name]) for name in point)
    assert like_norm(torch.tensor([-2.0]), torch.tensor([3.0]), 0).tolist() == [-3.0]


def test_a_solution_is_lower_than_what_lies_around_it(run, objective):
    found = around(objective, solution(run, 0), random_directions(run, solution(run, 0), 3), np.linspace(-1, 1, 5))
    total = found.terms["total"]
    assert (total[:, [0, 4]] > total[:, [2]]).all()


# latents


@pytest.mark.parametrize(
    ("prior", "options"),
    [
        ("standard", {}),
        ("mixture", {"components": 3}),
        ("hierarchical", {}),
    ],
)
def test_swapped_latents_are_the_same_network(store, tmp_path, prior, options):
    """The whole objective stays, and matching finds the swap: no barrier, where the twin without matching has one."""
    other = run_of(store, tmp_path, steps=20, rate=0.03, prior=prior, prior_options=options)
    rows = {"height": store.read("height", other.train_rows)}
    objective = Objective(other, rows, draws=3)
    point = solution(other, 0)
    swapped = turned(other, point, SWAP)
    codes = codes_at(other, [point, swapped], rows)
    np.testing.assert_allclose(codes[1], codes[0] @ SWAP, atol=1e-5)
    found = matched(other, point, swapped, rows)
    np.testing.assert_allclose(found.turn, SWAP.T)
    plain, laid = line(objective, [point] * 2, [swapped, found.point]).barrier()
    assert laid < 1e-4
    assert plain > 1.0


def test_a_swapped_line_has_a_barrier_without_matching_only(run, held, objective):
    point = solution(run, 0)
    swapped = turned(run, point, SWAP)
    found = line(objective, [point] * 2, [swapped, matched(run, point, swapped, held).point])
    assert [v.answer for v in found.has_barrier()] == [True, False]


@pytest.mark.parametrize("network", ["mlp", "points"])
def test_a_rotation_leaves_every_reconstruction(store, tmp_path, network):
    """Means turn and turn back; deviations cannot, so that of the objective all but the noise stays."""
    other = run_of(store, tmp_path, network=network, depth=2, point=1)
    rows = {"height": store.read("height", other.held_rows)}
    point, turn = solution(other, 1), turn_by(30)
    rotated = turned(other, point, turn)
    codes = codes_at(other, [point, rotated], rows)
    np.testing.assert_allclose(codes[1], codes[0] @ turn, atol=1e-5)
    found = matched(other, point, rotated, rows, "rotation")
    np.testing.assert_allclose(found.turn, turn.T, atol=1e-4)
    swap = matched(other, point, rotated, rows, "permutation")
    np.testing.assert_allclose(swap.turn, np.eye(2))
    back = codes_at(other, [found.point], rows)[0]
    np.testing.assert_allclose(back, codes[0], atol=1e-4)


def test_decoders_turn_back(run, held):
    point = solution(run, 0)
    turn = turn_by(50)
    z = torch.randn(1, 7, 2, generator=torch.Generator().manual_seed(0))
    before = asked(run, stack([point]), lambda vae, z: vae.decoder.location(z), z)
    turned_back = stack([turned(run, point, turn)])
    after = asked(run, turned_back, lambda vae, z: vae.decoder.location(z), z @ torch.as_tensor(turn, dtype=z.dtype))
    np.testing.assert_allclose(after, before, atol=1e-5)


def test_nonsense_is_refused(run, objective):
    point = solution(run, 0)
    with pytest.raises(UsageError, match="orthogonal"):
        turned(run, point, np.ones((2, 2)))
    with pytest.raises(UsageError, match="members 0 to 1"):
        solution(run, 2)
    with pytest.raises(UsageError, match="2 lines need one end or 2, got 3"):
        line(objective, [point] * 2, [point] * 3)
    with pytest.raises(UsageError, match="rising"):
        line(objective, [point], [point], np.array([1.0, 0.0]))
    with pytest.raises(UsageError, match="matching"):
        matched(run, point, point, {}, "guess")
    assert nearest_swap(np.eye(3)).tolist() == np.eye(3).tolist()
