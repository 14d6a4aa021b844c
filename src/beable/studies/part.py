"""What a part of a study is in code: what is measured, and how a page shows it, in one record."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from beable.studies.context import Answer, Context


class Part(NamedTuple):
    """How one question of a study is answered and shown.

    Args:
        measure: from the data and runs of a study to an answer.
        section: from that answer to figures and tables of the page.
    """

    measure: Callable[[Context], Answer]
    section: Callable[[Any], Sequence[Any]]
