"""When trainings on the mixture end over-regularised: first phase, start of the output variance, β, new starts."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from beable.analysis.levels import over_regularised
from beable.records import fields, plain
from beable.studies.claims import OF_SHARES, Claim
from beable.studies.context import Context
from beable.studies.shares import shares_compared
from beable.studies.study import Arm
from beable.systems.darcy.parts.ablation import interval
from beable.systems.darcy.parts.claims_of_lines import how_many
from beable.training.data import read
from beable.verdicts import Verdict

SOURCE = (5, 50)


class Outcome(NamedTuple):
    """What became of the members of one arm.

    Args:
        label: of the arm.
        reconstruction_steps: length of the first phase.
        sigma: deviation of the outputs that a learned variance starts from; 0 where it follows the errors.
        beta: of each member, as the objective's scale has it; 1 where it follows a rule.
        over: whether each member ended over-regularised.
        restarted: how often each was started again.
    """

    label: str
    reconstruction_steps: int
    sigma: float
    beta: list[float]
    over: list[Verdict]
    restarted: list[int]

    def share(self, beta: float | None = None) -> tuple[int, int]:
        """Members that did, of how many; of one β alone where it is given."""
        chosen = [v.answer is True for v, b in zip(self.over, self.beta, strict=True) if beta in (None, b)]
        return sum(chosen), len(chosen)


@dataclass(frozen=True)
class OverRegularisation:
    """Arms that differ in what may lead to the state of Theorem 1.

    Args:
        arms: by name.
        phases: those that differ in the length of the first phase, shortest first.
        starts: those that differ in the start of the output variance.
        betas: those whose members differ in β.
        source: the arm that repeats the source.
        restarted: the same with new starts.
    """

    arms: dict[str, Outcome]
    phases: list[str]
    starts: list[str]
    betas: list[str]
    source: str
    restarted: str

    @property
    def claims(self) -> list[Claim]:
        """What the source says of over-regularised trainings."""
        return [self._tenth(), self._cure()]

    def _tenth(self) -> Claim:
        ours = self.arms[self.source]
        found = shares_compared(SOURCE, ours.share())
        steps = ", ".join(f"{_of(a.share())} after {a.reconstruction_steps:,}" for a in self._of(self.phases))
        return Claim(
            "20",
            "10 % of the trainings with the standard prior end over-regularised (section 5.3)",
            "5 of 50",
            _of(ours.share()),
            interval(ours.share()),
            OF_SHARES[found["reproduced"]["answer"]],
            f"{found['reproduced']['reason']}; by steps without the rate: {steps}",
        )

    def _cure(self) -> Claim:
        shortest, longest = self._of(self.phases)[0], self._of(self.phases)[-1]
        (a, n), (b, m) = shortest.share(), longest.share()
        found = shares_compared((a, n), (b, m))
        fewer = b * n < a * m and found["p_value"] < 0.05
        verdict = "reproduced" if fewer else "cannot be told apart" if a * m <= b * n and not a else "differs"
        return Claim(
            "5",
            "a phase without the rate, long enough, keeps trainings from the state of Theorem 1 (section 4.2)",
            "a longer phase avoids it",
            f"{_of((a, n))} after {shortest.reconstruction_steps:,} steps, {_of((b, m))} after "
            f"{longest.reconstruction_steps:,}",
            interval((b, m)),
            verdict,
            f"the two differ with p = {found['p_value']:.2g}",
        )

    def _of(self, names: list[str]) -> list[Outcome]:
        return [self.arms[name] for name in names]

    def as_json(self) -> dict[str, Any]:
        """Every number; members of an arm as words."""
        arms = {
            name: a._asdict() | {"over_regularised": [v.word for v in a.over], "told": how_many(a.over)}
            for name, a in self.arms.items()
        }
        return dict(plain(fields(self) | {"arms": {n: a | {"over": None} for n, a in arms.items()}}))


def over_regularisation(context: Context) -> OverRegularisation:
    """Every arm, judged on the rows that it was trained on."""
    roles = ("phases", "starts", "betas", "source", "restarted")
    arms = {arm.name: arm for role in roles for arm in context.arms(role)}
    named = {role: [arm.name for arm in context.arms(role)] for role in roles[:3]}
    outcomes = {name: _outcome(context, arm) for name, arm in arms.items()}
    named["phases"].sort(key=lambda name: outcomes[name].reconstruction_steps)
    source, restarted = (context.arm(role).name for role in roles[3:])
    return OverRegularisation(outcomes, named["phases"], named["starts"], named["betas"], source, restarted)


def _outcome(context: Context, arm: Arm) -> Outcome:
    run, store = context.run(arm), context.data_of(arm)
    model, objective = run.settings.model, run.settings.objective
    stated = getattr(objective.beta, "by_member", 1.0)
    beta = list(stated) if isinstance(stated, tuple) else [float(stated)] * run.members
    return Outcome(
        arm.label,
        objective.reconstruction_steps,
        0.0 if model.variance.startswith("closed") else model.sigma,
        beta,
        over_regularised(run, read(store, run.variables, run.train_rows, run.conditions)),
        run.restarted,
    )


def _of(share: tuple[int, int]) -> str:
    return f"{share[0]} of {share[1]}"
