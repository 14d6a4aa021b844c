"""An answer to a yes-or-no question that admits that it cannot be told, with the reason."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

ANSWERS = ("yes", "no", "cannot be told")


class Verdict(NamedTuple):
    """Yes, no, or cannot be told.

    Args:
        answer: True, False, or None where it cannot be told.
        reason: what the answer rests on, one line with its numbers.

    >>> print(Verdict(None, "4 held-out rows: at least 9 are needed"))
    cannot be told: 4 held-out rows: at least 9 are needed
    >>> Verdict(True, "error 0.01").word
    'yes'
    """

    answer: bool | None
    reason: str

    @property
    def word(self) -> str:
        """The answer as people read it."""
        return dict(zip((True, False, None), ANSWERS, strict=True))[self.answer]

    def __str__(self) -> str:
        return f"{self.word}: {self.reason}"

    def as_json(self) -> dict[str, str]:
        """Answer and reason."""
        return {"answer": self.word, "reason": self.reason}

    @classmethod
    def of_json(cls, told: Mapping[str, str]) -> "Verdict":
        """What `as_json` gave, again.

        >>> Verdict.of_json(Verdict(None, "few rows").as_json())
        Verdict(answer=None, reason='few rows')
        """
        return cls({"yes": True, "no": False}.get(told["answer"]), told["reason"])


def counted(verdicts: Iterable[Verdict]) -> str:
    """How many of each answer there are, those that occur.

    >>> counted([Verdict(True, ""), Verdict(None, ""), Verdict(True, "")])
    '2 yes, 1 cannot be told'
    >>> counted([])
    'none'
    """
    words = [v.word for v in verdicts]
    return ", ".join(f"{words.count(w)} {w}" for w in ANSWERS if w in words) or "none"
