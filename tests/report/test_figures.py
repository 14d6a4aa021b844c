"""Figures: what they show, that nothing warns on degenerate input, that users' words stay words."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.text import Text

from beable.errors import DataError, UsageError
from beable.report.figures.codes import codes_against_factors, posterior_and_factors
from beable.report.figures.fields import fields, reconstruction
from beable.report.figures.scores import angles, errors, scores
from beable.report.figures.style import WIDTH
from beable.report.figures.training import LONGEST, histories

RNG = np.random.default_rng(7)
UNIFORM = RNG.uniform(1e-4, 1e-2, 16)
X = np.linspace(0, 1, 9)
Y = np.linspace(0, 1, 7)
FIELD = 1 + np.add.outer(X**2, Y)
THETA = RNG.choice([-1, 1], (80, 2)) + 0.25 * RNG.normal(size=(80, 2))
SYMBOLS = [r"\theta_1", r"\theta_2"]
CHANCE = (0.97, 0.72, (0.52, 0.96), "$S_D$")
STEPS = np.arange(0.0, 500, 10)


def rotated(degrees: float) -> np.ndarray:
    """The factors seen by a latent space turned by an angle."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return THETA @ np.array([[c, -s], [s, c]]).T


def decay(members: int) -> np.ndarray:
    """A history over four decades."""
    return np.exp(-STEPS[:, None] / 50) * np.linspace(1, 2, members)


FIGURES = {
    "fields": lambda: fields([FIELD[None], FIELD[None]], ["a", "b"], ["Pa", "1"], X, Y, scales=["log", "linear"]),
    "vector field": lambda: fields([np.stack([FIELD, -FIELD])[None]], ["u"], ["m s-1"], X, Y),
    "reconstruction": lambda: reconstruction([FIELD], [1.01 * FIELD], ["p"], ["Pa"], X, Y),
    "codes": lambda: codes_against_factors(rotated(30), THETA, SYMBOLS, np.full_like(THETA, 0.1)),
    "many codes": lambda: codes_against_factors(RNG.normal(size=(80, 9)), THETA, SYMBOLS),
    "posterior": lambda: posterior_and_factors(THETA, THETA, SYMBOLS, RNG.normal(size=(50, 2))),
    "marginals": lambda: posterior_and_factors(RNG.normal(size=(80, 3)), THETA, SYMBOLS, RNG.normal(size=(50, 3))),
    "scores": lambda: scores({"random": RNG.uniform(0.5, 1, 16), "PCA": np.array([0.78])}, *CHANCE),
    "errors": lambda: errors({"ICA start": {"p": RNG.uniform(1e-4, 1e-2, 16), "u": RNG.uniform(1e-4, 1e-2, 16)}}),
    "histories": lambda: histories({"rate": decay(4), "beta (1)": decay(1)}, STEPS, {"warm-up": 0, "beta": 100}),
    "one latent, one factor": lambda: codes_against_factors(THETA[:, :1], THETA[:, :1], SYMBOLS[:1]),
    "one latent": lambda: posterior_and_factors(0 * THETA[:, :1], THETA, SYMBOLS, THETA[:, :1]),
    "no arm": lambda: scores({}, *CHANCE),
    "no errors": lambda: errors({}),
    "many channels": lambda: errors({"arm": {f"channel {i}": UNIFORM for i in range(5)}}),
    "no terms": lambda: histories({}, STEPS),
}
ALIKE = ("vector field", "one latent", "many channels", "no errors", "no terms")


# degenerate input

DEGENERATE = {
    "zero field": lambda: fields([np.zeros((1, 9, 7))], ["p"], ["Pa"], X, Y),
    "nearly constant field": lambda: fields([3 + 1e-15 * FIELD[None]], ["p"], ["Pa"], X, Y),
    "constant field, log": lambda: fields([np.full((1, 9, 7), 3.0)], ["K"], ["1"], X, Y, scales=["log"]),
    "tiny field, log": lambda: fields([1e-18 * FIELD[None]], ["K"], ["1"], X, Y, scales=["log"]),
    "narrow range, log": lambda: fields([4 + 0.01 * FIELD[None]], ["K"], ["1"], X, Y, scales=["log"]),
    "wide range, log": lambda: fields([10.0 ** (20 * FIELD[None])], ["K"], ["1"], X, Y, scales=["log"]),
    "constant field, signed": lambda: fields([np.zeros((1, 9, 7))], ["p"], ["1"], X, Y, scales=["signed"]),
    "zero flux": lambda: fields([np.zeros((1, 2, 9, 7))], ["u"], ["1"], X, Y),
    "flux on two nodes": lambda: fields([np.ones((1, 2, 2, 2))], ["u"], ["1"], X[:2], Y[:2]),
    "uneven nodes": lambda: fields([np.ones((1, 2, 9, 7))], ["u"], ["1"], X**2, Y),
    "very many nodes": lambda: fields([np.ones((1, 1100, 3))], ["p"], ["1"], np.arange(1100.0), np.arange(3.0)),
    "reconstruction of nothing": lambda: reconstruction([0 * FIELD], [0 * FIELD], ["p"], ["1"], X, Y),
    "negative permeability made": lambda: reconstruction([FIELD], [-FIELD], ["K"], ["1"], X, Y, scales=["log"]),
    "collapsed codes": lambda: codes_against_factors(np.zeros_like(THETA), THETA, SYMBOLS),
    "one row of codes": lambda: codes_against_factors(THETA[:1], THETA[:1], SYMBOLS),
    "posterior of zeros": lambda: posterior_and_factors(0 * THETA, 0 * THETA, SYMBOLS, 0 * THETA),
    "posterior alone": lambda: posterior_and_factors(THETA),
    "one row": lambda: posterior_and_factors(THETA[:1], THETA[:1], SYMBOLS),
    "equal scores": lambda: scores({"arm": np.full(16, 0.97)}, 0.97, 0.97, (0.97, 0.97), "s"),
    "one member": lambda: scores({"arm": np.array([0.9])}, *CHANCE),
    "zero errors": lambda: errors({"arm": {"p": np.zeros(4)}}),
    "equal errors": lambda: errors({"arm": {"p": np.full(4, 1e-3)}}),
    "one epoch": lambda: histories({"rate": np.ones((1, 3))}, STEPS[:1], {"all": 0}),
    "constant history": lambda: histories({"rate": np.zeros((50, 3))}, STEPS),
    "a phase never reached": lambda: histories({"rate": decay(2)}, STEPS, {"first": 0, "later": 1e6}),
    "signs over decades": lambda: histories({"loss": 1e5 * decay(3) - 1e4}, STEPS),
    "a member stopped": lambda: histories({"rate": np.where(STEPS[:, None] < [99, 999], 1.0, np.nan)}, STEPS),
    "never ran": lambda: histories({"rate": np.full((50, 2), np.nan)}, STEPS),
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
    "fields": lambda bad: fields([FIELD[None] * bad], ["p"], ["1"], X, Y),
    "reconstruction": lambda bad: reconstruction([FIELD], [FIELD * bad], ["p"], ["1"], X, Y),
    "codes": lambda bad: codes_against_factors(THETA * bad, THETA, SYMBOLS),
    "posterior": lambda bad: posterior_and_factors(THETA, THETA, SYMBOLS, THETA * bad),
    "scores": lambda bad: scores({"arm": np.array([0.5, bad])}, *CHANCE),
    "ceiling": lambda bad: scores({"arm": np.array([0.5])}, bad, *CHANCE[1:]),
    "errors": lambda bad: errors({"arm": {"p": np.array([bad])}}),
}


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", NOT_FINITE)
def test_numbers_that_are_not_finite_are_refused_by_name(name: str, bad: float) -> None:
    with pytest.raises(DataError, match="finite"):
        NOT_FINITE[name](bad)


WRONG = {
    "a transposed field": lambda: fields([FIELD.T[None]], ["p"], ["1"], X, Y),
    "a field without its row axis": lambda: fields([FIELD], ["p"], ["1"], X, Y),
    "no field": lambda: fields([], [], [], X, Y),
    "a missing unit": lambda: fields([FIELD[None]], ["p"], [], X, Y),
    "snapshots of two lengths": lambda: fields([FIELD[None], FIELD[None].repeat(2, 0)], "ab", "11", X, Y),
    "a log scale of zero": lambda: fields([0 * FIELD[None]], ["p"], ["1"], X, Y, scales=["log"]),
    "rows that do not match": lambda: codes_against_factors(THETA[1:], THETA, SYMBOLS),
    "a missing symbol": lambda: codes_against_factors(THETA, THETA, SYMBOLS[:1]),
    "a prior of other latents": lambda: posterior_and_factors(THETA, prior=THETA[:, :1]),
    "scores of nobody": lambda: scores({"arm": np.array([])}, *CHANCE),
    "an arm without a channel": lambda: errors({"a": {"p": np.ones(2)}, "b": {"u": np.ones(2)}}),
    "a history of other epochs": lambda: histories({"rate": np.ones((3, 2))}, STEPS),
    "an infinite history": lambda: histories({"rate": np.full((50, 2), np.inf)}, STEPS),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_drawn_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(DataError) as refused:
        WRONG[name]()
    assert "\n" not in str(refused.value)


def test_an_unknown_colour_scale_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'signed'"):
        fields([FIELD[None]], ["p"], ["1"], X, Y, scales=["sined"])


# what is shown


def shown(figure: Figure, panel: int = 0) -> object:
    return figure.axes[panel].collections[0]


def test_truth_and_reconstruction_share_a_scale_and_errors_are_centred_at_zero() -> None:
    figure = reconstruction([FIELD], [FIELD + 0.3], ["p"], ["Pa"], X, Y)
    truth, made, error = (shown(figure, panel) for panel in range(3))
    assert truth.get_clim() == made.get_clim() == pytest.approx((1, 3.3))
    assert error.get_clim() == pytest.approx((-0.3, 0.3))
    assert np.asarray(error.get_array()).ravel() == pytest.approx(0.3)


def test_x_runs_to_the_right_and_y_upwards() -> None:
    mesh = shown(fields([np.add.outer(10 * X, Y)[None]], ["p"], ["1"], X, Y))
    image = mesh.get_array().reshape(len(Y), len(X))
    assert image[0, -1] == 10
    assert image[-1, 0] == 1


def test_a_vector_is_drawn_as_its_magnitude() -> None:
    mesh = shown(fields([np.stack([3 * FIELD, -4 * FIELD])[None]], ["u"], ["1"], X, Y))
    assert np.asarray(mesh.get_array()).ravel() == pytest.approx(5 * FIELD.T.ravel())


def test_snapshots_share_the_colour_scale_of_their_column() -> None:
    figure = fields([np.stack([FIELD, 10 * FIELD])], ["K"], ["1"], X, Y, scales=["log"], rows=["a", "b"])
    assert shown(figure, 0).get_clim() == shown(figure, 1).get_clim() == pytest.approx((1, 30))
    assert isinstance(shown(figure, 0).norm, LogNorm)


@pytest.mark.parametrize(
    ("unit", "printed"), [("1", ""), ("", ""), ("m s-1", "m s⁻¹"), ("m2", "m²"), ("kg m^-3", "kg m⁻³"), ("Pa", "Pa")]
)
def test_units_are_printed_with_their_powers(unit: str, printed: str) -> None:
    bars = fields([FIELD[None]], ["p"], [unit], X, Y).axes[-1]
    assert bars.get_xlabel() == printed


@pytest.mark.parametrize("degrees", [0, 30, 90])
def test_each_panel_carries_the_correlation_of_a_known_rotation(degrees: float) -> None:
    white = (THETA - THETA.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(THETA.T))).T
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    figure = codes_against_factors(white @ np.array([[c, s], [-s, c]]), white, SYMBOLS)
    written = [float(axes.get_title(loc="right")[4:].replace("−", "-")) for axes in figure.axes]
    assert written == pytest.approx([c, -s, s, c], abs=0.0051)


def test_a_constant_code_has_no_correlation() -> None:
    figure = codes_against_factors(np.full_like(THETA, 0.1), THETA, SYMBOLS)
    assert {axes.get_title(loc="right") for axes in figure.axes} == {"r undefined"}


def test_every_member_is_a_dot_and_each_arm_has_its_median() -> None:
    arms = {"random": RNG.uniform(0.5, 0.9, 50), "ICA": np.full(30, 0.95), "PCA": np.array([0.7])}
    axes = scores(arms, *CHANCE).axes[0]
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    for row, (values, drawn) in enumerate(zip(arms.values(), dots, strict=True)):
        assert drawn.get_xdata() == pytest.approx(values)
        assert np.abs(drawn.get_ydata() - row).max() < 0.5
    texts = [text.get_text() for text in axes.texts]
    assert [f"{np.median(values):.3f}" for values in arms.values()] == texts[2:5]
    assert "ceiling 0.970" in texts
    assert "chance: mean 0.72, band 5–95 %" in texts


def test_equal_scores_lie_side_by_side() -> None:
    dots = scores({"arm": np.full(30, 0.9)}, *CHANCE).axes[0].lines[0]
    assert len(np.unique(dots.get_ydata())) == 30


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        (decay(3), "log"),
        (1 + decay(3), "linear"),
        (np.linspace(-3, 5, 50)[:, None], "linear"),
        (1e5 * decay(3) - 1e4, "symlog"),
        (-5e4 + np.linspace(0, 1, 50)[:, None], "linear"),
    ],
)
def test_a_history_is_logarithmic_only_over_decades(values: np.ndarray, scale: str) -> None:
    assert histories({"term": values}, STEPS).axes[0].get_yscale() == scale


def test_a_history_shows_every_member_and_their_median() -> None:
    lines = histories({"rate": decay(5)}, STEPS, {"first": 0, "second": 100}).axes[0].lines
    assert len(lines) == 5 + 1 + 1
    assert lines[5].get_ydata() == pytest.approx(np.median(decay(5), axis=1))
    assert list(lines[6].get_xdata()) == [100, 100]


def test_a_long_history_keeps_its_ends() -> None:
    epochs = np.arange(100_000.0)
    line = histories({"rate": epochs[:, None]}, epochs).axes[0].lines[0]
    assert len(line.get_xdata()) <= LONGEST
    assert line.get_ydata()[[0, -1]].tolist() == [0, 99_999]


# users' words

#: four names at a time, each of them somewhere in every figure
NAMES = {
    "formulas": (r"$\frac$ {", r"a_b^c $\undefined$", r"$ \frac $\frac$", r"100 % $\frac"),
    "letters": ("名前", "\U0001f600 {", "<b>&amp;", ""),
    "dollars": ("$", "$a$", r"\undefined", " "),
    "long": (" ", "x" * 300, "$a$", ""),
}


@pytest.mark.parametrize("kind", NAMES)
def test_names_are_words_whatever_stands_in_them(kind: str) -> None:
    a, b, c, d = NAMES[kind]
    members = np.array([0.5, 0.7])
    x, y = X[[0, -1]], Y[[0, -1]]
    few = FIELD[[0, -1]][:, [0, -1]]
    figures = [
        reconstruction([few], [few], [a], [b], x, y),
        codes_against_factors(THETA[:, :1], THETA, [a, b]),
        errors({a: {b: members}, c: {b: members}}, label=d),
        histories({a: decay(2)}, STEPS, {b: 0}, unit=c, clock=d),
    ]
    if kind in ("formulas", "long"):  # in places that are alike
        figures += [
            fields([few[None]], [a], [b], x, y, rows=[c], x_label=d, y_label=d),
            posterior_and_factors(THETA, THETA, [a, b], THETA, prior_name=c),
            scores({a: members, b: members, c: members, d: members}, *CHANCE),
        ]
    for figure in figures:
        if kind == "long":  # which could leave no room
            figure.get_layout_engine().execute(figure)
        else:
            measure(figure)


def measure(figure: Figure) -> None:
    """The size of every word of a figure, as drawing asks for it, without the rest of the drawing."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    for axes in figure.axes:
        axes.get_xticklabels(), axes.get_yticklabels()  # the words of ticks are made when they are asked for
    for text in figure.findobj(Text):
        text.get_window_extent(renderer)


def test_words_are_measured_wherever_they_stand() -> None:
    """As twins: words that are read as mathematics, in a title and at a tick."""
    titled, ticked = (errors({"arm": {"p": UNIFORM}}) for _ in range(2))
    titled.axes[0].set_title(r"$\frac$")
    ticked.axes[0].set_yticks([0], [r"$\frac$"])
    for figure in (titled, ticked):
        with pytest.raises(ValueError, match="frac"):
            measure(figure)


@pytest.mark.parametrize("mark", [1.8, 20.0])
def test_what_passes_is_said_inside_the_picture(mark: float) -> None:
    figure = angles({"learned variance, rate from step 5,200 as published": np.array([1.2, 30.0])}, mark, 0.22)
    figure.draw_without_rendering()
    ends = [text.get_window_extent().x1 for text in figure.findobj(Text) if "passes" in text.get_text()]
    assert ends[0] < figure.bbox.x1


def test_dollars_stay_dollars() -> None:
    figure = fields([FIELD[None]], ["cost in $ or $"], ["1"], X, Y)
    assert figure.axes[0].get_title() == r"cost in \$ or \$"


def test_ticks_of_maps_are_plain_numbers():
    x = np.linspace(0.0, 50.0, 6)
    figure = fields([np.random.default_rng(0).normal(size=(1, 6, 6))], ["u"], ["m"], x, x)
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert labels
    assert not any("±" in label for label in labels)
