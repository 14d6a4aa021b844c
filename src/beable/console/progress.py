"""How far a verb has come: a bar on a terminal, otherwise a line now and then, both on standard error."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

Progress = Callable[[int, int], None]

SECONDS_BETWEEN_LINES = 30.0


class Teller:
    """Is told how a long task goes on; this one shows nothing.

    >>> told(None)(3, 10)
    """

    #: whether a note is worth what it costs to find
    shows = False

    def __call__(self, done: int, total: int) -> None:
        """So many steps are done.

        Args:
            done: steps until now.
            total: steps in all.
        """

    def begin(self, words: str) -> None:
        """Something begins whose length is not known, such as "reading data"."""

    def note(self, words: str) -> None:
        """Something to be said beside the numbers, such as the error of the last record."""


def told(progress: Progress | None) -> Teller:
    """A callback for progress as one that can be told more; words are lost on any other."""
    return progress if isinstance(progress, Teller) else _SILENT


_SILENT = Teller()
#: share of a task before which nobody can say how long the rest takes
EARLIEST = 0.02


@contextmanager
def progress(label: str, *, quiet: bool = False, first: str = "") -> Iterator[Teller]:
    """A callback for what is done and what is to do in all.

    Args:
        label: what goes on, a word.
        quiet: show nothing.
        first: what is done before that, at once.
    """
    if quiet:
        yield Teller()
    elif sys.stderr.isatty():
        with _bar(label, first or label) as shown:
            yield shown
    else:
        lines = Lines(label)
        yield lines
        lines.end()


class Bar(Teller):
    """Progress as a bar on a terminal.

    Args:
        label: what goes on.
        bars: what draws it.
    """

    shows = True

    def __init__(self, label: str, bars: "Bars") -> None:
        self.label, self.bars = label, bars
        self.task = bars.add_task(label, total=None, steps="", note="", left="")

    def __call__(self, done: int, total: int) -> None:
        steps = f"{done:,}/{total:,}"
        seconds = self.bars.tasks[0].time_remaining
        left = "" if seconds is None or done >= total else f"{_duration(seconds)} left"
        self.bars.update(self.task, description=self.label, completed=done, total=total, steps=steps, left=left)

    def begin(self, words: str) -> None:
        self.bars.update(self.task, description=words, total=None, steps="", note="", left="")

    def note(self, words: str) -> None:
        self.bars.update(self.task, note=words)


@contextmanager
def _bar(label: str, first: str) -> Iterator[Bar]:
    from rich import progress as parts
    from rich.console import Console

    columns = (
        parts.TextColumn("{task.description}", markup=False),
        parts.BarColumn(bar_width=24),
        parts.TextColumn("{task.fields[steps]}", markup=False),
        parts.TextColumn("{task.fields[note]}", markup=False),
        parts.TimeElapsedColumn(),
        parts.TextColumn("{task.fields[left]}", markup=False),
    )
    with parts.Progress(*columns, console=Console(stderr=True), redirect_stdout=False) as bars:
        shown = Bar(first, bars)
        shown.label = label
        yield shown


@dataclass
class Lines(Teller):
    """Progress as lines of text: one every half minute and one at the end.

    Args:
        label: what goes on.
        clock: seconds, rising.
        write: where a line goes.
    """

    label: str
    clock: Callable[[], float] = monotonic
    write: Callable[[str], object] = field(default=lambda text: print(text, file=sys.stderr, flush=True))

    shows = True

    def __post_init__(self) -> None:
        self._begun = self._written = self.clock()
        self._first: tuple[int, float] | None = None
        self._done = self._total = 0
        self._note = ""

    def __call__(self, done: int, total: int) -> None:
        """Note it, and write a line when it is time."""
        now = self.clock()
        self._done, self._total = done, total
        self._first = self._first or (done, now)
        if self._is_time(now):
            self.write(f"{self._so_far()}{self._outlook(now)}")

    def begin(self, words: str) -> None:
        """Write it when it is time."""
        if self._is_time(self.clock()):
            self.write(words)

    def note(self, words: str) -> None:
        """Keep it for the next line."""
        self._note = words

    def end(self) -> None:
        """Write the last line."""
        if self._first:
            self.write(f"{self._so_far()}, {_duration(self.clock() - self._begun)}")

    def _is_time(self, now: float) -> bool:
        late = now - self._written >= SECONDS_BETWEEN_LINES
        self._written = now if late else self._written
        return late

    def _so_far(self) -> str:
        note = f", {self._note}" if self._note else ""
        return f"{self.label}: {self._done} of {self._total}{note}"

    def _outlook(self, now: float) -> str:
        """Rate since the first call, so that what was found done does not count, and the time that is left."""
        done, since = self._first or (0, now)
        speed = (self._done - done) / (now - since) if now > since else 0.0
        return f", {speed:.3g}/s, {_duration((self._total - self._done) / speed)} left" if speed else ""


def before(teller: Teller, words: str, clock: Callable[[], float] = monotonic) -> Progress:
    """A callback for what is done before steps are counted, such as the reading of rows that are written then.

    Args:
        teller: is told the share that is done and the time that is left.
        words: what is done.
        clock: seconds, rising.
    """
    begun = clock()

    def tell(done: int, total: int) -> None:
        share = done / max(total, 1)
        left = f", {_duration((clock() - begun) * (1 - share) / share)} left" if EARLIEST <= share < 1 else ""
        teller.begin(f"{words}: {100 * share:.0f} %{left}")

    return tell


def _duration(seconds: float) -> str:
    """Seconds, minutes or hours in words.

    >>> _duration(4.2), _duration(150), _duration(9000)
    ('4.2 s', '2 min 30 s', '2 h 30 min')
    """
    minutes, hours = divmod(round(seconds), 60), divmod(round(seconds / 60), 60)
    if hours[0]:
        return f"{hours[0]} h {hours[1]} min"
    return f"{minutes[0]} min {minutes[1]} s" if minutes[0] else f"{seconds:.1f} s"
