"""The likelihood of outputs that are one of several classes."""

import numpy as np
import pytest
import torch

from beable.errors import DataError, UsageError
from beable.representations.tables import Table
from beable.vae.classes import WithClasses, numbers_of, shares

BLOCKS = ((1, 4), (5, 7))
NUMBERS = torch.tensor(numbers_of(7, BLOCKS))
G = torch.Generator().manual_seed(0)
LOCATION = torch.randn(2, 5, 7, generator=G)
LOG_VARIANCE = torch.randn(2, 2, generator=G)
CLASS = torch.randint(3, (2, 5), generator=G), torch.randint(2, (2, 5), generator=G)
ONE_OF = torch.nn.functional.one_hot
PLAIN = torch.randn(2, 5, 2, generator=G)
VALUES = torch.cat([PLAIN[..., :1], ONE_OF(CLASS[0], 3), PLAIN[..., 1:], ONE_OF(CLASS[1], 2)], -1)
NOTHING_LEFT = torch.zeros(2, 5, 2)


def distribution(location=LOCATION):
    return WithClasses(location, LOG_VARIANCE, torch.arange(2), torch.ones(2), BLOCKS, NUMBERS)


def test_the_likelihood_is_that_of_normal_and_of_categorical_variables():
    d = torch.distributions
    normal = d.Normal(LOCATION[..., NUMBERS], (LOG_VARIANCE / 2).exp().unsqueeze(1)).log_prob(PLAIN).sum(-1)
    kinds = [d.Categorical(logits=LOCATION[..., a:b]).log_prob(c) for (a, b), c in zip(BLOCKS, CLASS, strict=True)]
    torch.testing.assert_close(distribution().log_prob(VALUES, NOTHING_LEFT), normal + sum(kinds))


def test_a_class_that_is_missing_says_nothing():
    hidden, other = VALUES.clone(), LOCATION.clone()
    hidden[..., 1:4] = 0
    other[..., 1:4] += 5 * torch.arange(3.0)
    told = [distribution(location).log_prob(hidden, NOTHING_LEFT) for location in (LOCATION, other)]
    torch.testing.assert_close(*told)
    assert not torch.allclose(distribution(other).log_prob(VALUES, NOTHING_LEFT), told[0])  # a class that is there does


def test_means_of_classes_are_probabilities_and_those_of_numbers_stay():
    mean = shares(LOCATION, BLOCKS)
    assert torch.equal(mean[..., NUMBERS], LOCATION[..., NUMBERS])
    for start, stop in BLOCKS:
        torch.testing.assert_close(mean[..., start:stop].sum(-1), torch.ones(2, 5))
    assert shares(LOCATION, ()) is LOCATION


ROWS = {
    "p": np.array([1.0, 2.0, 4.0, 8.0]),
    "kind": np.array([2.0, 0, 2, 0]),
    "T": np.array([3.0, 1.0, 2.0, 5.0]),
}


def test_a_table_codes_classes_as_one_of_k_and_back():
    table = Table(classes="kind=4").fit(ROWS)
    code = table.transform(ROWS).values
    assert table.code.classes == ((1, 5),)
    assert code[:, 1:5].tolist() == np.eye(4)[[2, 0, 2, 0]].tolist()
    assert table.code.dimension.tolist() == [1, 1]
    assert table.code.log_volume == Table().fit({n: ROWS[n] for n in ("p", "T")}).code.log_volume
    back = table.inverse(code)
    assert {name: back[name].round(5).tolist() for name in ROWS} == {name: rows.tolist() for name, rows in ROWS.items()}
    again = Table(**table.settings()).restore(table.state(), dict.fromkeys(ROWS, ()))
    assert again.code.classes == table.code.classes
    assert np.array_equal(again.transform(ROWS).values, code)


def test_classes_beside_a_constant_column_keep_their_places():
    rows = {"still": np.ones(4), **ROWS}
    table = Table(classes="kind=3", constant="keep").fit(rows)
    assert table.code.classes == ((1, 4),)
    assert table.inverse(table.transform(rows).values)["kind"].tolist() == [2, 0, 2, 0]


@pytest.mark.parametrize(
    ("classes", "kind", "words"),
    [
        ("kind=2", DataError, r"kind is 2 in row 0: classes are whole numbers from 0 to 1"),
        ("kind", UsageError, "such as phase=3"),
        ("nothing=2", UsageError, "unknown variable 'nothing'"),
    ],
)
def test_classes_that_cannot_be_are_refused(classes, kind, words):
    with pytest.raises(kind, match=words):
        Table(classes=classes).fit(ROWS)
