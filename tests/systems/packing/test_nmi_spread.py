"""What independent columns score, against the numbers that bias alone must give."""

import json

import numpy as np
import pytest

from beable.errors import UsageError
from beable.records import plain
from beable.systems.packing.nmi_spread import (
    CRITERIA,
    DEVIATIONS,
    OTHERS,
    chance_of_good_parity,
    naive_pass_rate,
    spread_artefact,
)
from beable.systems.packing.parity_cells import cell_parity

#: normalised mutual information of independent columns of 25 rows, by deviation of one and of the other
KNOWN = np.array([[0.20, 0.31, 0.42, 0.54, 0.61, 0.66, 0.70], [0.37, 0.55, 0.70, 0.81, 0.88, 0.92, 0.95]])


DRAWS = 6
#: standard deviation, at most, of a cell's scores
NMI, AMI, KSG = 0.07, 0.08, 0.18


@pytest.fixture(scope="module")
def artefact():
    return spread_artefact(draws=DRAWS, rng=1)


def near(found, known, deviation):
    """Whether means over draws are those known, each and all together, within four standard errors."""
    off = found - np.broadcast_to(known, found.shape)
    return (
        np.abs(off).max() < 4 * deviation / DRAWS**0.5 and abs(off.mean()) < 4 * deviation / (off.size * DRAWS) ** 0.5
    )


def test_the_score_called_mig_is_that_of_independent_columns(artefact):
    assert (artefact.deviations.tolist(), artefact.others.tolist()) == (list(DEVIATIONS), list(OTHERS))
    assert near(artefact.nmi, KNOWN, NMI)
    assert not near(artefact.nmi, KNOWN[:, [*range(1, 7), 6]], NMI)
    assert (artefact.nmi[:, 2:] > artefact.nmi[:, :-2]).all()


def test_adjusted_and_neighbour_information_do_not_see_what_is_not_there(artefact):
    assert near(artefact.ami, 0, AMI)
    assert near(artefact.ksg, 0, KSG)
    assert not near(artefact.nmi, 0, KSG)


def test_a_coupling_is_seen_by_neighbours_and_hardly_by_mig():
    free, coupled = (spread_artefact([0.008], [0.008], correlation=c, draws=12) for c in (0.0, 0.99))
    assert coupled.nmi[0, 0] - free.nmi[0, 0] < 0.06
    assert coupled.ksg[0, 0] - free.ksg[0, 0] > 1.0


def test_the_same_gap_passes_the_t_test_once_the_spread_is_wide():
    found = spread_artefact([0.002, 0.2], [0.02], gap=0.02, draws=8)  # t of 5 and of a half
    assert found.not_rejected[0, 0] < 0.4
    assert found.not_rejected[0, 1] > 0.6
    assert found.t[0, 0] > found.t[0, 1]
    assert found.nmi[0, 1] > found.nmi[0, 0] + 0.15
    level = spread_artefact([0.01], [0.01], draws=40)
    assert level.not_rejected[0, 0] == pytest.approx(0.95, abs=4 * (0.95 * 0.05 / 40) ** 0.5)


def test_chance_passes_what_sources_read_as_agreement_and_not_what_shows_it():
    found = chance_of_good_parity(studies=1, repeats=19, rng=2)
    assert set(found.per_cell) == set(found.at_least_one) == set(found.expected) == set(CRITERIA)
    assert found.expected["t_test_passed"] == pytest.approx(27 * found.per_cell["t_test_passed"])
    assert found.at_least_one["t_test_passed_and_high_nmi"] == 1.0
    assert found.expected["t_test_passed_and_high_nmi"] > 3
    assert found.per_cell["explains_half"] == 0.0
    assert found.per_cell["rows_agree"] < 0.05
    exact = chance_of_good_parity(gap=1e-9, studies=1, repeats=1, rng=2)
    assert exact.per_cell["t_test_passed"] > found.per_cell["t_test_passed"] + 0.2
    json.dumps(plain(found), allow_nan=False)


def test_a_model_that_knows_its_rows_meets_every_criterion():
    draw = np.random.default_rng(0)
    y = draw.normal(0.68, 0.02, 25)
    cells = [cell_parity(y + 0.001 * draw.normal(size=25), y, repeats=39) for _ in range(2)]
    assert naive_pass_rate(cells) == dict.fromkeys(CRITERIA, 1.0)
    assert naive_pass_rate([cell_parity(np.full(25, 0.5), y, repeats=39)]) == dict.fromkeys(CRITERIA, 0.0)


@pytest.mark.parametrize("options", [{"deviations": [0.0]}, {"others": [-1.0]}, {"draws": 0}, {"correlation": 1.0}])
def test_what_cannot_be_drawn_is_refused(options):
    with pytest.raises(UsageError, match="must"):
        spread_artefact(**options)


def test_numbers_are_ready_for_json_and_the_same_each_time():
    first, again = (plain(spread_artefact([0.01], [0.02], draws=3, rng=1)) for _ in range(2))
    assert json.loads(json.dumps(again, allow_nan=False)) == first
    assert first != plain(spread_artefact([0.01], [0.02], draws=3, rng=2))
