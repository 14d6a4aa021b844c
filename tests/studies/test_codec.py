"""Answers come back from plain values and arrays as what they were, and nothing but their type decides what is made."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from beable.errors import CorruptError
from beable.studies.codec import check_type, decode, encode


class Pair(NamedTuple):
    low: float
    high: float


@dataclass(frozen=True)
class Answer:
    number: float
    count: int
    word: str
    flag: bool
    absent: float | None
    values: NDArray[np.floating]
    flags: NDArray[np.bool_]
    by_number: dict[float, list[Pair]]
    by_pair: Mapping[tuple[int, int], Pair | None]
    several: Sequence[tuple[str, ...]]
    plain: dict[str, Any]


ANSWER = Answer(
    np.float64(1 / 3),
    np.int64(3),
    "γ = 3",
    np.bool_(True),
    None,
    np.arange(6, dtype=np.float32).reshape(2, 3)[:, ::-1],
    np.array([True, False]),
    {0.1: [Pair(0.0, math.nan), Pair(-math.inf, math.inf)]},
    {(8, 15): Pair(1.0, 2.0), (1, 2): None},
    [("a", "b"), ()],
    {"levels": [{"passed": True, "z": 0.5, "why": None}]},
)


def there_and_back(value, hint):
    arrays = {}
    plain = json.loads(json.dumps(encode(value, hint, arrays), allow_nan=False))
    return decode(plain, hint, arrays)


def test_an_answer_comes_back_as_it_was():
    found = there_and_back(ANSWER, Answer)
    for field in fields(Answer):
        before, after = getattr(ANSWER, field.name), getattr(found, field.name)
        if field.name in ("values", "flags"):
            np.testing.assert_array_equal(after, before)
            assert after.dtype == before.dtype
        elif field.name == "by_number":
            assert repr(after) == repr(before)
        else:
            assert after == before
    assert [type(getattr(found, name)) for name in ("number", "count", "flag")] == [float, int, bool]
    assert type(found.by_pair[8, 15]) is Pair


class Other(NamedTuple):
    callback: object


@pytest.mark.parametrize("hint", [Other, dict[str, Other], int | str, object, list, complex, "Answer"])
def test_a_type_that_cannot_be_kept_is_refused(hint):
    with pytest.raises(TypeError, match="an answer cannot hold"):
        check_type(hint)


def test_types_inside_of_types_are_looked_at():
    check_type(Answer)


@pytest.mark.parametrize(
    ("value", "hint"),
    [("a", float), (1.5, int), (1, str), (None, int), ({"a": {1}}, dict[str, Any]), ((1, 2, 3), Pair)],
)
def test_a_value_of_another_type_is_refused(value, hint):
    with pytest.raises((TypeError, AttributeError)):
        encode(value, hint, {})


@pytest.mark.parametrize(
    ("kept", "hint"),
    [({"low": 1.0}, Pair), ("nonsense", float), ("7", NDArray[np.floating]), ([1.0], tuple[float, float]), (3, Pair)],
)
def test_what_is_not_of_the_type_is_called_corrupt(kept, hint):
    with pytest.raises(CorruptError, match="not of its type") as caught:
        decode(kept, hint, {})
    assert "\n" not in str(caught.value)
