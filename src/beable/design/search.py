r"""Designs whose simulation gives what was asked for.

Given an interval [a, b] for an outcome y of a simulator, find different designs θ with y(θ) in it, each verified by
the simulator itself. After a small survey of the design space, in rounds: an emulator (`design_surrogate`) of all calls
so far, the chance

.. math:: \pi(\theta) = P\big(a \le y(\theta) \le b \mid \text{all calls so far}\big)

of every candidate (`design_space`), and as next calls some that are likely to succeed *and* far from each other and
from what was found (`design_proposals`). A chance counts both what the emulator expects and how sure it is, so the
first rounds search and the later ones harvest. Of a target out of reach the calls go to the end of the reachable range,
which is then known.

A design is *found* when its own simulation, noise included, lies in the interval. With a noisy simulator a few of these
are there by luck; a second, independent simulation (``confirm``) tells the share that stands.

D. R. Jones, M. Schonlau and W. J. Welch, *Efficient global optimization of expensive black-box functions*, J. Global
Optim. 13 (1998) 455; B. Bryan et al., *Active learning for identifying function threshold boundaries*, NIPS 2005.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from beable.checks import choice, count
from beable.console.records import readable
from beable.design.calls import AGAIN, CallResult, Calls, Folder, Make, Task, calling
from beable.design.outcomes import Floats, Target
from beable.design.proposals import DIVERSITY, METHODS, Known
from beable.design.space import DesignSpace, Range
from beable.design.surrogate import LEAST_ROWS
from beable.files.artefacts import sha256
from beable.records import plain
from beable.simulator import Simulator

Progress = Callable[[int, int], None]


@readable
@dataclass(frozen=True)
class Designs:
    """Every call of a search and what it gave.

    Args:
        factors: names.
        target: what was asked for.
        values: θ, (calls, factors).
        outcome: y, (calls,), or (calls, outcomes) of several; NaN where a simulation failed.
        error: its standard error, of the same shape; zero where the simulator knows none.
        proposed: whether a call was proposed by what had been learned, or belongs to the survey, (calls,).
        again: y of second, independent simulations, of the same shape; NaN where there is none.
        ranks: factors on a scale that all have, (calls, factors); see `DesignSpace.ranks`.
    """

    factors: tuple[str, ...]
    target: Target
    values: Floats
    outcome: Floats
    error: Floats
    proposed: NDArray[np.bool_]
    again: Floats
    ranks: Floats

    def __len__(self) -> int:
        return len(self.values)

    @property
    def found(self) -> NDArray[np.bool_]:
        """Which calls lie in the interval, (calls,)."""
        return self.target.holds(self.outcome)

    @property
    def share(self) -> float:
        """Share of the proposed calls that lie in the interval; NaN without any."""
        return float(self.found[self.proposed].mean()) if self.proposed.any() else float("nan")

    @property
    def confirmed(self) -> float:
        """Share of the designs found whose second simulation lies in the interval too; NaN without any."""
        seen = self.again[self.found & np.isfinite(self._columns(self.again)).all(1)]
        return float(self.target.holds(seen).mean()) if len(seen) else float("nan")

    def _columns(self, numbers: Floats) -> Floats:
        """Numbers of the outcomes, (calls, outcomes)."""
        return numbers.reshape(len(self), -1)

    @property
    def reached(self) -> tuple[float, float]:
        """Least and greatest outcome of any call, the first one of several; NaN without any that succeeded."""
        return self.reached_by(0)

    def reached_by(self, outcome: int) -> tuple[float, float]:
        """Least and greatest number of an outcome of any call; NaN without any that succeeded."""
        column = self._columns(self.outcome)[:, outcome]
        good = column[np.isfinite(column)]
        return (float(good.min()), float(good.max())) if len(good) else (float("nan"), float("nan"))

    def distance(self, most: int | None = None) -> float:
        """Mean distance of a design from the nearest other, among the first found, factors by rank; NaN below two."""
        points = self.ranks[self.found][:most]
        if len(points) < 2:
            return float("nan")
        return float((cdist(points, points) + np.diag(np.full(len(points), np.inf))).min(1).mean())

    def as_json(self) -> dict[str, Any]:
        """Every call, and what they come to, ready for JSON; numbers that are not there are null."""
        calls = [
            {
                "call": call,
                **dict(zip(self.factors, self.values[call], strict=True)),
                **self._told(call),
                **{name: getattr(self, name)[call] for name in ("proposed", "found")},
            }
            for call in range(len(self))
        ]
        numbers: dict[str, object] = {"found": self.found.sum(), "reached": self.reached, "calls": calls}
        numbers |= {"share": self.share, "confirmed": self.confirmed, "distance": self.distance()}
        return plain({"target": self.target} | numbers)

    def _told(self, call: int) -> dict[str, Any]:
        """Numbers of a call; of several outcomes each under its own name."""
        kinds = ("outcome", "error", "again")
        if not self.target.others:
            return {name: getattr(self, name)[call] for name in kinds}
        return {
            each.outcome.name if kind == "outcome" else f"{kind} of {each.outcome.name}": getattr(self, kind)[call, i]
            for i, each in enumerate(self.target.each)
            for kind in kinds
        }


def find_designs(
    simulator: Simulator,
    target: Target,
    *,
    constraints: Mapping[str, Range] | None = None,
    designs: int | None = 8,
    calls: int = 200,
    survey: int | None = None,
    batch: int = 4,
    known: Known | None = None,
    latent: Floats | None = None,
    diversity: float = DIVERSITY,
    method: str = "search",
    confirm: bool = False,
    seed: int = 0,
    workers: int | None = None,
    executor: Executor | None = None,
    make: Make | None = None,
    folder: Path | str | None = None,
    progress: Progress | None = None,
) -> Designs:
    """Different designs whose simulation gives an outcome in an interval, each verified by the simulator.

    Args:
        simulator: with a cube of designs.
        target: outcome and interval, or several (`Target.all_of`).
        constraints: by name of a factor, "a/b" for a ratio, or a sum such as "20*a + 5*b", a value or a pair (low,
            high), with an infinite end for none; all designs keep them.
        designs: how many to find; None spends all calls.
        calls: of the simulator, at most; second simulations come on top.
        survey: calls spread over the design space to begin with [dimensions + 2, less what is known].
        batch: calls between two fits of the emulator.
        known: simulations to learn from that cost no call.
        latent: further candidates, factor values (rows, factors), such as those that a model decodes.
        diversity: what distance between designs counts against their chance; see `design_proposals`.
        method: "search", or a plainer way to compare it with, a key of ``design_proposals.METHODS``.
        confirm: simulate what was found a second time, independently.
        seed: of candidates and of the simulator's own random numbers.
        workers: processes; all cores that this process may use by default. They change no number.
        executor: where to compute instead, such as that of `beable.cluster.dask`.
        make: makes the simulations instead, from an open `design_calls.calling` of the same simulator.
        folder: where calls are kept as they come; the same search goes on from there, also with more calls or designs.
        progress: called with calls done and calls at most.

    Raises:
        UsageError: invalid numbers, a simulator without designs, unknown factors.
        DataError: no design keeps the constraints, or every simulation fails.
        OutputError: the folder holds something else.

    >>> from beable.design.outcomes import Outcome
    >>> from beable import Darcy
    >>> darcy = Darcy(grid=9)
    >>> target = Target.around(Outcome.of(darcy, "pressure.max"), 0.3, 0.01)
    >>> bool(find_designs(darcy, target, designs=2, calls=30, workers=1).found.sum() == 2)
    True
    """
    count("calls", calls, 1)
    count("batch", batch, 1)
    count("seed", seed, 0)
    wanted = calls if designs is None else count("designs", designs, 1)
    space = DesignSpace(simulator, constraints, seed)
    first = _survey_calls(space.dimensions, survey, known)
    proposer = METHODS[choice("method", method, METHODS)](space, target, first, seed, known, latent, diversity)
    ways = {"survey": first, "batch": batch, "seed": seed, "diversity": diversity, "method": method}
    request = _request(simulator, target, constraints, known, latent) | ways
    where = Folder(None if folder is None else Path(folder), request)
    empty = Calls.none(space.dimensions, len(simulator.factors))
    making = nullcontext(make) if make else calling(simulator, workers, executor)
    with where.open(empty) as made, making as run:
        keeper = _Keeper(where, made, run, target, seed, calls, progress or (lambda done, total: None))
        keeper.answer()
        while len(made) < calls and (missing := wanted - int(_found(made, target).sum())) > 0:
            chosen, learned = proposer.next(made, min(batch, calls - len(made), missing))
            if not len(chosen.values):
                break
            made.ask(chosen, learned)
            keeper.answer()
        if confirm:
            keeper.confirm(np.flatnonzero(_found(made, target)))
        return _designs(made, target, space)


def _found(made: Calls, target: Target) -> NDArray[np.bool_]:
    """Which calls lie in the interval, (calls,)."""
    return target.holds(target.numbers(made.parts)) if len(made) else np.empty(0, dtype=bool)


def _designs(made: Calls, target: Target, space: DesignSpace) -> Designs:
    outcome = target.numbers(made.parts)
    again = np.full(outcome.shape, np.nan)
    for call, answer in made.again.items():
        again[call] = target.numbers(answer.parts[None])[0]
    return Designs(
        tuple(space.names),
        target,
        made.values,
        outcome,
        made.errors,
        made.proposed,
        again,
        space.ranks(made.values),
    )


def _survey_calls(dimensions: int, survey: int | None, known: Known | None) -> int:
    if survey is not None:
        return count("survey", survey, 0 if known is not None and len(known.values) >= LEAST_ROWS else LEAST_ROWS)
    enough = max(dimensions + 2, LEAST_ROWS)
    return max(enough - (0 if known is None else len(known.values)), 0)


def _request(
    simulator: Simulator,
    target: Target,
    constraints: Mapping[str, Range] | None,
    known: Known | None,
    latent: Floats | None,
) -> dict[str, Any]:
    """What was asked for: calls of the same request belong together."""
    rows = None if known is None else np.column_stack([known.values, known.parts])
    match = next((each.outcome.reference for each in target.each if each.outcome.reference is not None), None)
    arrays = {"known": rows, "latent": latent, "match": match}
    return {
        "simulator": simulator.name,
        "settings": simulator.settings.model_dump(mode="json"),
        "target": target.as_json(),
        "constraints": plain(
            {k: list(v) if isinstance(v, tuple) else v for k, v in sorted((constraints or {}).items())}
        ),
        **{n: None if a is None else sha256(np.ascontiguousarray(a).tobytes()) for n, a in arrays.items()},
    }


@dataclass(frozen=True)
class _Keeper:
    """Answers what was asked, keeps it and says so."""

    where: Folder
    made: Calls
    make: Make
    target: Target
    seed: int
    calls: int
    progress: Progress

    def answer(self) -> None:
        self._fill(self.made.answers, self.made.missing, 0)

    def confirm(self, calls: NDArray[np.intp]) -> None:
        self._fill(self.made.again, [int(call) for call in calls if int(call) not in self.made.again], AGAIN)

    def _fill(self, answers: dict[int, CallResult], calls: list[int], first: int) -> None:
        """Answers of calls; call i draws from the streams of row ``first`` + i."""
        if calls:
            self.where.keep(self.made)
        tasks = [Task(call, self.made.values[call], first + call, self.seed, self.target) for call in calls]
        for call, answer in self.make(tasks):
            answers[call] = answer
            self.where.keep(self.made)
            self.progress(len(self.made.answers), self.calls)
