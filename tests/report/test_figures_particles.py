"""Figures of particles, matrices and grids: what stands where, what overlaps, what is refused."""

import numpy as np
import pytest
from matplotlib.collections import EllipseCollection, LineCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from beable.errors import DataError, UsageError
from beable.report.figures.boxes import Scene
from beable.report.figures.particles import configurations, reconstructions, traversals
from beable.report.figures.style import ORANGE, WIDTH
from beable.report.pictures import picture
from beable.systems.lennard_jones.figures.anomalies import attribution
from beable.systems.lennard_jones.figures.matrices import distance_matrices

RNG = np.random.default_rng(11)
L = 10.0


def lattice(rows: int, particles: int, dimensions: int = 2) -> np.ndarray:
    """Points of a grid with spacing 1.2, shifted a little from row to row: none overlap."""
    side = int(np.ceil(particles ** (1 / dimensions)))
    grid = np.stack(np.meshgrid(*[np.arange(side)] * dimensions, indexing="ij"), axis=-1).reshape(-1, dimensions)
    return 1.2 * grid[:particles] + np.linspace(0, 0.5, rows)[:, None, None]


FLAT, SOLID = lattice(2, 30), lattice(1, 27, 3)
D = RNG.uniform(1, 9, (1, 12, 12))
STEPS = np.array([-2.0, -1, 0, 1, 2])
BLOCK = np.zeros((12, 12), dtype=bool)
BLOCK[2:6, 3:9] = True

FIGURES = {
    "configurations": lambda: configurations(FLAT, L, titles="ab"),
    "in three dimensions": lambda: configurations(SOLID, 5.0, colours=RNG.gamma(1, 1, (1, 27)), colour_label="s (σ)"),
    "many boxes": lambda: configurations(lattice(7, 2), L),
    "chain with contacts": lambda: configurations(FLAT, L, bonds=[(0, 1), (1, 2)], contact=1.3),
    "one column": lambda: configurations(FLAT[:2], L, columns=1),
    "signed colours": lambda: configurations(FLAT, L, colours=RNG.normal(size=(2, 30)), scale="signed"),
    "reconstructions": lambda: reconstructions(FLAT, FLAT + RNG.normal(size=FLAT.shape), L, titles="ab"),
    "reconstructions in three": lambda: reconstructions(SOLID, 1.1 * SOLID, 5.0),
    "traversals": lambda: traversals(FLAT[None, :1] * (1 + 0.05 * STEPS)[:, None, None], STEPS, L, names=["up"]),
    "attribution": lambda: attribution(FLAT, RNG.gamma(1, 1, (2, 30)), L, moved=RNG.random((2, 30)) < 0.1),
    "matrices": lambda: distance_matrices(D, D + RNG.normal(size=D.shape), rows=["a"]),
    "hidden block": lambda: distance_matrices(D[0], 2 * D[0], hidden=BLOCK),
    "hidden cross": lambda: distance_matrices(D[0], 2 * D[0], hidden=BLOCK | BLOCK.T),
}

ALIKE = (
    "chain with contacts", "one column", "signed colours", "reconstructions in three", "hidden block", "hidden cross",
)  # fmt: skip

DEGENERATE = {
    "one particle": lambda: configurations(np.ones((1, 1, 2)), L),
    "one particle in three": lambda: configurations(np.ones((1, 1, 3)), L),
    "all at one place": lambda: configurations(np.ones((2, 9, 2)), L, contact=2.0),
    "a tiny box": lambda: configurations(np.full((1, 2, 2), 0.05), 0.1),
    "a huge box": lambda: configurations(FLAT[:1], 1e4),
    "all far away": lambda: configurations(FLAT + 1e6, L),
    "some hundreds": lambda: configurations(lattice(1, 400), 25.0, contact=1.3),
    "equal colours": lambda: configurations(FLAT, L, colours=np.ones((2, 30)), scale="linear"),
    "nothing moved": lambda: reconstructions(FLAT, FLAT, L),
    "far from the truth": lambda: reconstructions(FLAT, FLAT * 1e4, L),
    "one step": lambda: traversals(FLAT[None, :1], np.zeros(1), L),
    "no share": lambda: attribution(FLAT, np.zeros((2, 30)), L),
    "negative shares": lambda: attribution(FLAT, RNG.normal(size=(2, 30)), L),
    "zero matrices": lambda: distance_matrices(np.zeros((3, 3)), np.zeros((3, 3))),
    "a matrix of one": lambda: distance_matrices(np.zeros((1, 1)), np.ones((1, 1)), hidden=np.ones((1, 1), dtype=bool)),
    "negative distances": lambda: distance_matrices(D, -D, hidden=np.zeros((12, 12), dtype=bool)),
}


@pytest.mark.parametrize("name", FIGURES | DEGENERATE)
def test_every_figure_draws_without_a_warning_at_the_page_s_width(name: str) -> None:
    figure = (FIGURES | DEGENERATE)[name]()
    if name in {*DEGENERATE, *ALIKE}:  # the same panels and words as others, whose arrangement is tried there
        figure.set_layout_engine("none")
    figure.draw_without_rendering()
    assert isinstance(figure, Figure)
    assert figure.get_size_inches()[0] <= WIDTH + 1e-9


NOT_FINITE = {
    "configurations": lambda bad: configurations(FLAT * bad, L),
    "box": lambda bad: configurations(FLAT, bad),
    "colours": lambda bad: configurations(FLAT, L, colours=np.full((2, 30), bad)),
    "reconstructions": lambda bad: reconstructions(FLAT, FLAT * bad, L),
    "traversals": lambda bad: traversals(FLAT[None] * bad, STEPS[:2], L),
    "steps": lambda bad: traversals(FLAT[None], STEPS[1:3] * bad, L),
}


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", NOT_FINITE)
def test_numbers_that_are_not_finite_are_refused(name: str, bad: float) -> None:
    with np.errstate(invalid="ignore"), pytest.raises(DataError, match=r"finite|greater than 0"):
        NOT_FINITE[name](bad)


WRONG = {
    "one configuration without its row": lambda: configurations(FLAT[0], L),
    "one dimension": lambda: configurations(FLAT[:, :, :1], L),
    "four dimensions": lambda: configurations(np.ones((1, 3, 4)), L),
    "no rows": lambda: configurations(FLAT[:0], L),
    "no particles": lambda: configurations(FLAT[:, :0], L),
    "no box": lambda: configurations(FLAT, 0.0),
    "a missing title": lambda: configurations(FLAT, L, titles="abc"),
    "a colour for every row": lambda: configurations(FLAT, L, colours=np.ones((2, 1))),
    "a bond to nobody": lambda: configurations(FLAT, L, bonds=[(0, 30)]),
    "marks for every row": lambda: configurations(FLAT, L, marked=np.ones(2, dtype=bool)),
    "too many": lambda: configurations(lattice(61, 2), L, columns=5),
    "too many side by side": lambda: configurations(lattice(9, 2), L, columns=9),
    "negative displacements": lambda: configurations(FLAT, L, colours=-np.ones((2, 30))),
    "other particles": lambda: reconstructions(FLAT, FLAT[:, 1:], L),
    "too many reconstructions": lambda: reconstructions(lattice(7, 2), lattice(7, 2), L),
    "a missing step": lambda: traversals(FLAT[None], STEPS, L),
    "a missing name": lambda: traversals(FLAT[None], STEPS[1:3], L, names="ab"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_drawn_is_refused(name: str) -> None:
    with pytest.raises(DataError):
        WRONG[name]()


def test_an_unknown_scale_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'magnitude'"):
        configurations(FLAT, L, colours=np.ones((2, 30)), scale="magnitde")


# what is shown


def discs(figure: Figure, panel: int = 0) -> list[EllipseCollection]:
    return [c for c in figure.axes[panel].collections if isinstance(c, EllipseCollection)]


def test_every_particle_is_a_disc_of_diameter_one_in_its_place() -> None:
    figure = configurations(FLAT, L)
    figure.set_layout_engine("none")
    figure.draw_without_rendering()
    for axes, x in zip(figure.axes, FLAT, strict=True):
        (drawn,) = discs(figure, figure.axes.index(axes))
        assert np.asarray(drawn.get_offsets()) == pytest.approx(x)
        assert drawn.get_transforms()[0] == pytest.approx(np.diag([0.5, 0.5, 1]))  # of a circle of radius 1
        assert np.diag(drawn.get_transform().get_matrix()) == pytest.approx(
            np.diag(axes.transData.get_affine().get_matrix())
        )


def test_a_particle_at_the_floor_rests_on_the_ground() -> None:
    axes = configurations(np.zeros((1, 1, 2)), L).axes[0]
    ground = max(axes.lines, key=lambda line: line.get_linewidth())
    assert set(ground.get_ydata()) == {-0.5}
    strokes = next(c for c in axes.collections if isinstance(c, LineCollection))
    assert max(p.vertices[:, 1].max() for p in strokes.get_paths()) == -0.5
    assert axes.get_ylim()[0] < -0.5
    assert axes.get_ylim()[1] > L + 0.5


@pytest.mark.parametrize(("distance", "said"), [(0.79, "1 overlap"), (0.81, "")])
def test_only_pairs_nearer_than_four_fifths_are_ringed_and_counted(distance: float, said: str) -> None:
    figure = configurations(np.array([[[1.0, 1], [1 + distance, 1], [5, 5]]]), L)
    rings = [c for c in discs(figure) if np.allclose(c.get_edgecolor()[0], to_rgba(ORANGE))]
    assert figure.axes[0].texts[0].get_text() == said
    assert [len(c.get_offsets()) for c in rings] == ([2] if said else [])


def test_what_is_outside_is_seen_or_counted() -> None:
    x = np.array([[[1.0, 1], [L + 2, 5], [40, 5], [5, -300]]])
    axes = configurations(x, L).axes[0]
    assert axes.texts[0].get_text() == "2 far outside"
    assert axes.get_xlim()[1] > L + 2


def test_colours_share_one_scale_that_starts_at_zero() -> None:
    values = np.stack([np.full(30, 1.0), np.full(30, 4.0)])
    figure = configurations(FLAT[:2], L, colours=values, colour_label="way (σ)")
    first, second = (discs(figure, panel)[0].get_facecolor() for panel in (0, 1))
    assert not np.allclose(first[0], second[0])
    assert figure.axes[-1].get_xlim() == (0, 4)
    assert figure.axes[-1].get_xlabel() == "way (σ)"


def test_bonds_and_contacts_are_lines_between_centres() -> None:
    x = np.array([[[1.0, 1], [2.1, 1], [5, 5]]])
    axes = configurations(x, L, bonds=[(0, 2)], contact=1.25).axes[0]
    lines = [c for c in axes.collections if isinstance(c, LineCollection)]
    joined = [path.vertices.tolist() for path in lines[-1].get_paths()]
    assert joined == [[[1, 1], [5, 5]], [[1, 1], [2.1, 1]]]


def test_in_three_dimensions_up_is_up_and_the_nearest_is_drawn_last() -> None:
    seen = Scene(L, 3, 0.0).seen(np.array([[0.0, 0, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0]]))
    assert seen[1, 1] > 0.9
    assert seen[1, 0] == 0
    assert seen[2, 0] > 0.8
    assert seen[3, 2] > seen[2, 2] > 0
    assert np.linalg.norm(seen, axis=1) == pytest.approx([0, 1, 1, 1])
    x = np.array([[[5.0, 1, 5], [5, 9, 5], [5, 5, 5]]])
    offsets = np.asarray(discs(configurations(x, L))[0].get_offsets())
    assert offsets[::4] == pytest.approx(Scene(L, 3, 0.0).seen(x[0, [1, 2, 0]])[:, :2])


def test_far_particles_are_paler() -> None:
    (balls,) = discs(configurations(np.array([[[5.0, 0, 5], [5, 10, 5]]]), L))
    far, near = balls.get_facecolor()[[0, 4], :3].sum(1)
    assert far > near


def test_a_reconstruction_carries_its_error_and_the_way_of_every_particle() -> None:
    figure = reconstructions(FLAT, FLAT + np.array([0.3, 0.4]), L)
    assert [axes.get_title() for axes in figure.axes[2:4]] == ["root mean square 0.5 σ"] * 2
    ways = [c for c in figure.axes[2].collections if isinstance(c, LineCollection)][-1]
    drawn = np.stack([path.vertices for path in ways.get_paths()])
    assert drawn == pytest.approx(np.stack([FLAT[0], FLAT[0] + np.array([0.3, 0.4])], 1))


def test_a_traversal_is_coloured_by_the_way_from_its_middle() -> None:
    x = np.stack([FLAT[0] + [0, step] for step in STEPS])[None]
    figure = traversals(x, STEPS, L)
    faces = [discs(figure, panel)[0].get_facecolor()[0] for panel in range(5)]
    assert faces[0] == pytest.approx(faces[4], abs=0.02)
    assert faces[1] == pytest.approx(faces[3], abs=0.02)
    assert not np.allclose(faces[2], faces[1])
    assert figure.axes[-1].get_xlim() == pytest.approx((0, 2))
    assert [axes.get_title() for axes in figure.axes[:5]] == ["−2", "−1", "0", "1", "2"]


def test_moved_particles_carry_a_cross() -> None:
    moved = np.zeros((2, 30), dtype=bool)
    moved[1, [3, 7]] = True
    figure = attribution(FLAT, np.ones((2, 30)), L, moved=moved)
    crosses = [[line.get_xydata() for line in axes.lines if line.get_marker() == "x"] for axes in figure.axes[:2]]
    assert [len(cross) for cross in crosses] == [0, 1]
    assert crosses[1][0] == pytest.approx(FLAT[1, [3, 7]])


def test_matrices_share_a_scale_and_the_error_is_that_of_the_pairs() -> None:
    made = D + 2 * (1 - np.eye(12))
    figure = distance_matrices(D, made)
    images = [axes.images[0] for axes in figure.axes[:3]]
    assert images[0].get_clim() == images[1].get_clim()
    assert images[2].get_clim() == pytest.approx((-2, 2))
    assert figure.axes[2].texts[0].get_text() == "RMSE 2"


def test_the_error_of_hidden_pairs_counts_only_those() -> None:
    figure = distance_matrices(D[0], np.where(BLOCK, D[0] + 3, D[0] + 1), hidden=BLOCK)
    assert figure.axes[2].texts[0].get_text() == "RMSE 3 (hidden)"
    outline = next(p for p in figure.axes[0].patches if isinstance(p, Rectangle))
    assert (*outline.get_xy(), outline.get_width(), outline.get_height()) == (2.5, 1.5, 6, 4)


@pytest.mark.parametrize("word", [r"_名前 $\frac$", "x" * 300])
def test_names_are_words_whatever_stands_in_them(word: str) -> None:
    few, small = FLAT[:, :2], D[:, :2, :2]
    for figure in (
        configurations(few[:1], L, titles=[word], colours=np.ones((1, 2)), colour_label=word),
        traversals(few[None], STEPS[1:3], L, names=[word]),
        distance_matrices(small, small, names=(word, word), rows=[word], label=word),
    ):
        if len(word) > 100:  # which could leave no room
            figure.get_layout_engine().execute(figure)
        else:
            figure.set_layout_engine("none")
            figure.draw_without_rendering()


def test_configurations_are_small_on_a_page() -> None:
    shown = picture(configurations(lattice(2, 30), L))
    assert shown.markup.count("<use") + shown.markup.count("<path") > 60
    assert len(shown.markup) < 40_000
    assert len(picture(configurations(lattice(1, 300), 30.0)).markup) < 150_000
