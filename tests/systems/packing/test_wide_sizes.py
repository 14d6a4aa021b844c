"""Two sizes too far apart to be dropped: the law in one over the ratio finds what is known, and its error holds."""

import numpy as np
import pytest

from beable.commands import cli
from beable.errors import DataError, UsageError
from beable.systems.packing.close_packing import close_packing_estimate
from beable.systems.packing.powders import Component, Powder
from beable.systems.packing.simulator import least_spheres, pack
from beable.systems.packing.wide_sizes import RUNGS, Rung, extrapolated, pack_wide

ERROR = 0.002


def rungs(law, rng, ratios=RUNGS, error=ERROR):
    return [Rung(r, law(r) + error * rng.standard_normal(), error, 1, 0.3) for r in ratios]


def covered(law, ratio, draws=200):
    """Share of draws whose law lies within two of its errors of the truth."""
    rng = np.random.default_rng(0)
    found = [extrapolated(rungs(law, rng), ratio) for _ in range(draws)]
    return np.mean([abs(f.value - law(ratio)) <= 2 * f.standard_error for f in found])


def test_the_error_covers_the_truth_of_a_series_and_not_of_another_law():
    assert covered(lambda r: 0.79 - 0.5 / r, 200) > 0.93
    assert covered(lambda r: 0.79 - 0.6 / r + 0.8 / r**2, 200) > 0.93
    assert covered(lambda r: 0.55 + 0.05 * np.log(r), 2000) < 0.3


def test_the_law_holds_of_close_packing_by_rods():
    """From ratios up to 28 to 200, on both sides of the optimum."""
    for fine in (0.27, 0.35):
        known = [Rung(r, close_packing_estimate([1, r], [fine, 1 - fine]), 1e-4, 0, fine) for r in RUNGS]
        found = extrapolated(known, 200)
        truth = close_packing_estimate([1, 200], [fine, 1 - fine])
        assert abs(found.value - truth) < max(2 * found.standard_error, 0.004)
        assert abs(known[-1].packing_fraction - truth) > 0.005


def test_beds_of_closer_sizes_give_one_that_can_be_dropped():
    powder = [{"median": 4.0, "volume_fraction": 0.6}, {"median": 1.0, "volume_fraction": 0.4}]
    told: list[tuple[int, int]] = []
    found = pack_wide(powder, rungs=(1.4, 1.8, 2.2, 2.8), beds=1, progress=lambda *about: told.append(about))
    assert [done for done, _ in told] == np.cumsum([rung.spheres for rung in found.rungs]).tolist()
    assert {planned for _, planned in told} == {told[-1][0]}
    direct = pack(powder, None, 5)
    assert abs(found.packing_fraction - direct.packing_fraction) < 3 * np.hypot(
        found.standard_error, direct.standard_error
    )
    assert found.ratio == pytest.approx(4)
    assert [rung.ratio for rung in found.rungs] == [1.4, 1.8, 2.2, 2.8]
    again = pack_wide(Powder(powder[::-1]), rungs=(1.4, 1.8, 2.2, 2.8), beds=1)
    assert again.furnas == pytest.approx(found.furnas, abs=0.01)  # other beds, of the same fine share


@pytest.mark.parametrize(
    ("powder", "words"),
    [
        ([{"median": 1.0}], "a coarse and a fine component, not for 1"),
        ([Component(median=m, volume_fraction=1 / 3) for m in (1.0, 50.0, 200.0)], "not for 3"),
        ([Component(median=m, volume_fraction=0.5) for m in (1.0, 10.0)], r"1:10 apart.*above 28.*take pack"),
        ([Component(median=m, volume_fraction=0.5) for m in (1.0, 500.0)], "up to 200"),
    ],
)
def test_what_the_law_is_not_for_is_refused(powder, words):
    with pytest.raises(UsageError, match=words):
        pack_wide(powder)


def test_a_bed_denser_than_planned_is_dropped_again_and_measured(monkeypatch):
    """Sizes 1:10 are denser than what is planned; 1:5 are if less is, in a tenth of the spheres."""
    monkeypatch.setattr("beable.systems.packing.simulator.PLANNED", 0.46)
    powder = Powder([Component(volume_fraction=0.2, median=1.0), Component(volume_fraction=0.8, median=5.0)])
    fewest = least_spheres(powder)
    with pytest.raises(DataError, match=r"leave no bulk to measure; drop at least 1\.1 times as many spheres"):
        pack(powder, fewest, 0)
    found = pack(powder, None, 0)
    assert 1.1 * fewest < len(found.radii) < 1.2 * fewest
    assert found.packing_fraction == pytest.approx(0.70, abs=0.015)


def test_three_ratios_leave_no_error():
    with pytest.raises(UsageError, match="at least four"):
        extrapolated([Rung(r, 0.7, 0.001, 1, 0.3) for r in (7.0, 10.0, 14.0)], 100)


def test_the_command_line_refuses_what_goes_with_no_bed(capsys):
    for more in ("--box 50", "--picture bed.png"):
        assert cli.run(f"pack d=60,volume=0.7 d=1,volume=0.3 --extrapolate {more}".split()) == 2
        assert "leave out --output, --picture" in capsys.readouterr().err
