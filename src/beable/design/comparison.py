"""Ways to find designs, at equal numbers of simulator calls.

"random" calls designs without preference; "inversion" fits an emulator once, to half of the calls (or to what is known
before), and verifies the designs that it puts nearest to the target; "search" is `inverse_design.find_designs`. All
draw from one pool of candidates under the same constraints, and call i of each has the simulator's random numbers of
row i: a simulation that several of them ask for is made once. Every design that a method found is simulated a second
time, which tells what stands from luck with noise.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from beable.checks import count
from beable.design.calls import CallResult, Make, Task, calling
from beable.design.outcomes import Target
from beable.design.proposals import METHODS, Known
from beable.design.search import Designs, find_designs
from beable.design.space import Range
from beable.design.surrogate import LEAST_ROWS
from beable.records import fields, plain
from beable.simulator import Simulator


class Attempt(NamedTuple):
    """One method after one target with one seed, all calls spent.

    Args:
        method: its name.
        seed: of candidates and simulations.
        designs: every call.
    """

    method: str
    seed: int
    designs: Designs


@dataclass(frozen=True)
class Comparison:
    """Every method after every target.

    Args:
        attempts: one a method, target and seed.
        wanted: designs after which a target counts as met.
        calls: of each attempt.
    """

    attempts: tuple[Attempt, ...]
    wanted: int
    calls: int

    def of(self, method: str) -> list[Designs]:
        """The attempts of one method."""
        return [attempt.designs for attempt in self.attempts if attempt.method == method]

    def met(self, method: str) -> float:
        """Share of attempts in which enough designs were found."""
        return float(np.mean([d.found.sum() >= self.wanted for d in self.of(method)]))

    def share(self, method: str) -> float:
        """Share of verified designs within the target: of all calls after the survey, over all attempts; else NaN."""
        found = np.concatenate([d.found[d.proposed] for d in self.of(method)])
        return float(found.mean()) if len(found) else float("nan")

    def of_calls(self, method: str) -> float:
        """Designs found as a share of all calls, the survey included, over all attempts."""
        return float(np.concatenate([d.found for d in self.of(method)]).mean())

    def confirmed(self, method: str) -> float:
        """Share of the designs found whose second simulation lies in the target too; NaN without any."""
        stands = np.concatenate([d.target.holds(d.again[d.found & np.isfinite(d.again)]) for d in self.of(method)])
        return float(stands.mean()) if len(stands) else float("nan")

    def distance(self, method: str) -> float:
        """Mean distance of a design from the nearest other, first ``wanted`` of each attempt; NaN without any."""
        distances = np.array([d.distance(self.wanted) for d in self.of(method)])
        seen = distances[np.isfinite(distances)]
        return float(seen.mean()) if len(seen) else float("nan")

    def as_json(self) -> dict[str, Any]:
        """Numbers of every method and every attempt, ready for JSON."""
        methods = {
            method: {
                "met": self.met(method),
                "share": self.share(method),
                "of_calls": self.of_calls(method),
                "proposed": sum(d.proposed.sum() for d in self.of(method)),
                "confirmed": self.confirmed(method),
                "found": sum(d.found.sum() for d in self.of(method)),
                "distance": self.distance(method),
            }
            for method in dict.fromkeys(attempt.method for attempt in self.attempts)
        }
        return plain(fields(self) | {"methods": methods, "attempts": [self._row(attempt) for attempt in self.attempts]})

    def _row(self, attempt: Attempt) -> dict[str, Any]:
        d = attempt.designs
        numbers = {"share": d.share, "confirmed": d.confirmed, "distance": d.distance(self.wanted)}
        return {
            "method": attempt.method,
            "seed": attempt.seed,
            **d.target.as_json(),
            **numbers,
            "found_by_call": np.cumsum(d.found),
        }


def _survey(method: str, calls: int, known: Known | None) -> int | None:
    """Calls that an inversion is fitted to; None for the method's own number."""
    if method != "inversion":
        return None
    return 0 if known is not None and len(known.values) >= LEAST_ROWS else calls // 2


def _once(make: Make) -> Make:
    """Make no simulation twice: all methods begin with the same designs, and random ones serve every target."""
    known: dict[tuple[object, ...], CallResult] = {}

    def key(task: Task) -> tuple[object, ...]:
        outcomes = [target.outcome for target in task.target.each]
        asked = [(o.name, b"" if o.reference is None else o.reference.tobytes()) for o in outcomes]
        return task.values.tobytes(), task.row, task.seed, *asked

    def answers(tasks: list[Task]) -> Iterator[tuple[int, CallResult]]:
        new = {task.number: task for task in tasks if key(task) not in known}
        for number, answer in make([*new.values()]):
            known[key(new[number])] = answer
            yield number, answer
        yield from ((task.number, known[key(task)]) for task in tasks if task.number not in new)

    return answers


def compare_methods(
    simulator: Simulator,
    targets: Sequence[Target],
    *,
    calls: int = 60,
    wanted: int = 8,
    methods: Sequence[str] = tuple(METHODS),
    constraints: Mapping[str, Range] | None = None,
    known: Sequence[Known] | None = None,
    seeds: Sequence[int] = (0,),
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Every method after every target, each with the same number of calls.

        Args:
            simulator: with a cube of designs.
            targets: outcomes and intervals.
            calls: of the simulator in each attempt; second simulations come on top.
            wanted: designs after which a target counts as met.
            methods: keys of ``design_proposals.METHODS``.
            constraints: on factors; see `find_designs`.
            known: simulations that all methods may learn from, one set a target.
            seeds: each an attempt.
            workers: processes.
            progress: called with attempts done and attempts in all.

    >>> from beable.design.outcomes import Outcome
    >>> from beable import Darcy
    >>> darcy = Darcy(grid=9)
    >>> target = Target.around(Outcome.of(darcy, "pressure.max"), 0.3, 0.01)
    >>> found = compare_methods(darcy, [target], calls=10, methods=["random", "search"], workers=1)
    >>> found.share("search") > found.share("random")
    True
    """
    count("calls", calls, 2 * LEAST_ROWS)
    plan = list(product(range(len(targets)), methods, seeds))
    attempts = []
    with calling(simulator, workers) as called:
        make = _once(called)
        for i, method, seed in plan:
            free = None if known is None else known[i]
            designs = find_designs(
                simulator,
                targets[i],
                constraints=constraints,
                designs=None,
                calls=calls,
                survey=_survey(method, calls, free),
                known=free,
                method=method,
                confirm=True,
                seed=seed,
                make=make,
            )
            attempts.append(Attempt(method, seed, designs))
            if progress is not None:
                progress(len(attempts), len(plan))
    return Comparison(tuple(attempts), wanted, calls)
