"""What the study says of sizes far apart: beside Furnas' limit of what lies in the bulk, with the error counted."""

import numpy as np
import pytest

from beable.studies.claims import OF_NUMBERS
from beable.systems.packing.close_packing import furnas_binary
from beable.systems.packing.packed_beds import Measured
from beable.systems.packing.parts.wide import Mixture, WideSizes
from beable.systems.packing.powders import Component, Powder
from beable.systems.packing.simulator import pack
from beable.systems.packing.wide_sizes import DROPPED, Rung, dropped, furnas_of


def mixture(limit, error=0.005, fed=0.2, bulk=0.24):
    beds = [Rung(r, limit - 0.4 / r, error, 1, fed + (bulk - fed) * r / 28) for r in (5.0, 7.0, 10.0, 14.0, 20.0, 28.0)]
    told = Measured(limit - 0.4 / 28, error)
    far = Measured(limit, error)
    return Mixture(fed, beds[:-1], beds[-1], told, [200.0], [far], far, furnas_of(beds), (limit, far))


@pytest.mark.parametrize(("away", "answer"), [(-0.02, True), (-0.005, None), (0.005, None), (0.02, False)])
def test_the_limit_is_held_against_what_lies_in_the_bulk(away, answer):
    most = furnas_binary(0.24, DROPPED)
    assert most > furnas_binary(0.2, DROPPED) + 0.03
    found = mixture(most + away)
    assert found.furnas == pytest.approx(most)
    assert found.below_furnas.answer is answer
    claim = WideSizes([found], 1).claims[0]
    assert claim.verdict == OF_NUMBERS[answer]
    assert "with 20 % fine, 24.0 % in the bulk at 1:28" in claim.evidence


def test_a_rung_has_the_share_of_fine_spheres_in_the_bulk():
    powder = Powder([Component(volume_fraction=0.2, median=1.0), Component(volume_fraction=0.8, median=5.0)])
    rung = dropped(powder, 5.0, 1, 3)
    bed = pack(powder, None, 3)
    assert rung.fine == pytest.approx(bed.composition[0])
    assert rung.fine != pytest.approx(0.2, rel=1e-3)  # as they were fed
    assert rung[:2] == (5.0, bed.packing_fraction)
    assert np.isclose(bed.composition.sum(), 1)
    assert 0.15 < rung.fine < 0.26
