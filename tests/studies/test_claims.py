"""What a source says, beside ours: one record with a verdict from shares, numbers and what a measure judged itself."""

from types import SimpleNamespace

import pytest

from beable.studies.claims import Claim, claims_of, in_order
from beable.studies.shares import shares_compared

OWN = Claim("6", "a barrier on each line", "10 of 10", "3 of 10", None, "differs", "few minima")


def number_of(**changes):
    e = {"figure": "26", "words": "S_D", "by": "source", "relation": "equal", "tolerance": 0.02, "source": 0.95}
    return e | {"ours": 0.96, "error": 0.0, "agrees": True, "judged_by": []} | changes


def share_of(source, ours):
    return {"figure": "20", "words": "half"} | shares_compared(source, ours)


def test_claims_of_all_three_kinds_stand_beside_each_other():
    found = claims_of(SimpleNamespace(claims=[OWN]), [number_of(), number_of(by="goal")], [share_of((25, 50), (0, 50))])
    assert [(c.figure, c.verdict) for c in found] == [("20", "differs"), ("26", "reproduced"), ("6", "differs")]
    assert found[0].interval[0] == 0 < found[0].interval[1] < 0.1
    assert found[0].source == "25 of 50"


@pytest.mark.parametrize(
    ("changes", "verdict", "evidence"),
    [
        ({}, "reproduced", "tolerance 0.02"),
        ({"ours": 0.5, "agrees": False}, "differs", "0.45 from the source's"),
        ({"agrees": None, "judged_by": ["full"]}, "cannot be told apart", "judged by the presets full"),
        ({"agrees": None, "error": 0.1}, "cannot be told apart", "nearer than twice its standard error of 0.1"),
        ({"agrees": None, "error": None}, "cannot be told apart", "its standard error is not defined"),
        ({"ours": None, "agrees": None}, "cannot be told apart", "ours is not defined"),
        ({"source": None, "agrees": None}, "cannot be told apart", "the source gives no number"),
        ({"relation": "other", "agrees": None}, "cannot be told apart", "how near they should be was not set"),
    ],
)
def test_the_verdict_of_a_number_says_what_it_rests_on(changes, verdict, evidence):
    (found,) = claims_of(object(), [number_of(**changes)], [])
    assert found.verdict == verdict
    assert evidence in found.evidence


def test_claims_stand_in_the_order_of_the_figures():
    figures = ["Eq. 28", "B.29", "12", "4", "13–15"]
    assert [c.figure for c in in_order([OWN._replace(figure=f) for f in figures])] == [
        "4", "12", "13–15", "B.29", "Eq. 28",
    ]  # fmt: skip
