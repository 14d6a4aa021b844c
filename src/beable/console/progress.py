"""How far a verb has come: a bar on a terminal, otherwise a line now and then, both on standard error."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic

Progress = Callable[[int, int], None]

SECONDS_BETWEEN_LINES = 30.0


@contextmanager
def progress(label: str, *, quiet: bool = False) -> Iterator[Progress]:
    """A callback for what is done and what is to do in all.

    Args:
        label: what goes on, a word.
        quiet: show nothing.
    """
    if quiet:
        yield lambda done, total: None
    elif sys.stderr.isatty():
        with _bar(label) as report:
            yield report
    else:
        lines = Lines(label)
        yield lines
        lines.end()


@contextmanager
def _bar(label: str) -> Iterator[Progress]:
    from rich import progress as parts
    from rich.console import Console

    columns = (
        parts.TextColumn("{task.description}"),
        parts.BarColumn(),
        parts.MofNCompleteColumn(),
        parts.TextColumn("{task.fields[rate]}"),
        parts.TimeRemainingColumn(elapsed_when_finished=True),
    )
    with parts.Progress(*columns, console=Console(stderr=True), redirect_stdout=False) as bar:
        task = bar.add_task(label, total=None, rate="")

        def report(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, rate=_rate(bar.tasks[0].speed))

        yield report


@dataclass
class Lines:
    """Progress as lines of text: one every half minute and one at the end.

    Args:
        label: what goes on.
        clock: seconds, rising.
        write: where a line goes.
    """

    label: str
    clock: Callable[[], float] = monotonic
    write: Callable[[str], object] = field(default=lambda text: print(text, file=sys.stderr, flush=True))

    def __post_init__(self) -> None:
        self._begun = self._written = self.clock()
        self._first: tuple[int, float] | None = None
        self._done = self._total = 0

    def __call__(self, done: int, total: int) -> None:
        """Note it, and write a line when it is time."""
        now = self.clock()
        self._done, self._total = done, total
        self._first = self._first or (done, now)
        if now - self._written >= SECONDS_BETWEEN_LINES:
            self._written = now
            self.write(f"{self._so_far()}{self._outlook(now)}")

    def end(self) -> None:
        """Write the last line."""
        if self._first:
            self.write(f"{self._so_far()}, {_duration(self.clock() - self._begun)}")

    def _so_far(self) -> str:
        return f"{self.label}: {self._done} of {self._total}"

    def _outlook(self, now: float) -> str:
        """Rate since the first call, so that what was found done does not count, and the time that is left."""
        done, since = self._first or (0, now)
        speed = (self._done - done) / (now - since) if now > since else 0.0
        return f", {_rate(speed)}, {_duration((self._total - self._done) / speed)} left" if speed else ""


def _rate(speed: float | None) -> str:
    return f"{speed:.3g}/s" if speed else ""


def _duration(seconds: float) -> str:
    """Seconds, minutes or hours in words.

    >>> _duration(4.2), _duration(150), _duration(9000)
    ('4.2 s', '2 min 30 s', '2 h 30 min')
    """
    minutes, hours = divmod(round(seconds), 60), divmod(round(seconds / 60), 60)
    if hours[0]:
        return f"{hours[0]} h {hours[1]} min"
    return f"{minutes[0]} min {minutes[1]} s" if minutes[0] else f"{seconds:.1f} s"
