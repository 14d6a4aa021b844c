"""Verdicts on what the source says of every one of some lines, points or trainings, from three-valued answers."""

from collections.abc import Sequence

from beable.studies.claims import DIFFERS, REPRODUCED, UNTOLD
from beable.verdicts import Verdict


def of_all(verdicts: Sequence[Verdict]) -> str:
    """Whether all are so: differs where one surely is not, cannot be told apart where one is open.

    >>> of_all([Verdict(True, ""), Verdict(None, "")]), of_all([Verdict(False, ""), Verdict(None, "")])
    ('cannot be told apart', 'differs')
    """
    answers = [v.answer for v in verdicts]
    if not answers or (None in answers and False not in answers):
        return UNTOLD
    return REPRODUCED if all(answers) else DIFFERS


def of_none(verdicts: Sequence[Verdict]) -> str:
    """Whether none is so.

    >>> of_none([Verdict(False, ""), Verdict(False, "")])
    'reproduced'
    """
    return of_all([Verdict(None if v.answer is None else not v.answer, v.reason) for v in verdicts])


def how_many(verdicts: Sequence[Verdict]) -> str:
    """Of how many it is so, and of how many it cannot be told.

    >>> how_many([Verdict(True, ""), Verdict(False, ""), Verdict(None, "")])
    '1 of 3, and of 1 it cannot be told'
    """
    untold = sum(v.answer is None for v in verdicts)
    words = f"{sum(v.answer is True for v in verdicts)} of {len(verdicts)}"
    return words + (f", and of {untold} it cannot be told" if untold else "")
