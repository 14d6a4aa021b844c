"""What the trainings of a run agree on, and how far they may be trusted, with no factors known: all of it at once.

A run whose members share a start cannot say what they owe to it. `agree` then trains a companion, the same settings
from different starts and on rows drawn again for each member, and asks that.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.analysis.agreement import Agreement, agreement
from beable.analysis.axes import FEWEST_ROWS, independent_axes
from beable.analysis.collapse import ACTIVE_NATS
from beable.analysis.rotation import Rotation, rotation_test
from beable.analysis.support_axes import FEWEST_ROWS as FEWEST_SUPPORT_ROWS
from beable.analysis.support_axes import SupportAxes, support_axes
from beable.analysis.trust import Trust, trust
from beable.console.numbers import latent_name
from beable.console.progress import Progress, told
from beable.console.records import readable
from beable.datasets.store import Store
from beable.errors import DataError, UsageError
from beable.records import plain
from beable.settings import validated
from beable.training.data import read
from beable.training.run import Run, train
from beable.training.settings import RunSettings
from beable.training.start import STARTS, start_of
from beable.verdicts import Verdict

FloatArray = NDArray[np.floating]
MEMBERS = 12
ROWS = 2048


@readable
class Agreed(NamedTuple):
    """What trainings agree on, without labels.

    Args:
        agreement: latents and planes that members share.
        rotation: whether the objective holds their axes.
        trust: how far latents may be trusted to be factors.
        rows: how many held-out rows were asked.
        support: whether the codes have axes along which their support is a product, which dependent factors may have
            too; None where independence tells the axes, with fewer than 100 rows or 2 active latents, and unasked.
    """

    agreement: Agreement
    rotation: Rotation
    trust: Trust
    rows: int
    support: SupportAxes | None = None

    @property
    def objective(self) -> Verdict:
        """Whether the objective holds the axes of most members."""
        answers = [v.answer for v in self.rotation.held]
        for answer in (True, False):
            if 2 * answers.count(answer) > len(answers):
                example = next(v for v in self.rotation.held if v.answer is answer)
                return Verdict(answer, f"{answers.count(answer)} of {len(answers)} members; such as: {example.reason}")
        return Verdict(None, f"{answers.count(True)} of {len(answers)} members held, {answers.count(False)} not")

    def as_json(self) -> dict[str, Any]:
        """Every number, ready for JSON."""
        parts: dict[str, Any] = {"agreement": self.agreement, "rotation": self.rotation, "trust": self.trust}
        if self.support is not None:
            parts["support"] = self.support._asdict()
        return dict(plain({"rows": self.rows, "objective": self.objective.as_json(), **parts}))

    def summary(self) -> dict[str, Any]:
        """The answers in a few lines."""
        a, t = self.agreement, self.trust
        run = "cannot be told" if t.run is None else f"{t.run:.2f} ({t.low:.2f} to {t.high:.2f})"
        return {
            "members": f"{len(a.starts)}, from {', '.join(sorted(set(a.starts)))} starts",
            "latents that data support": f"{_shared(a)}fewer than trained: {a.supported}",
            "the same plane": str(a.plane),
            "the same axes": str(a.axes),
            "axes in the codes": str(t.identified),
            **({} if self.support is None else {"axes in their support": str(self.support.identified)}),
            "axes held by the objective": str(self.objective),
            "found": [f"{latent_name(s.latent)} of member {s.member}: {s.agreed}" for s in a.shared],
            "trust in the run": run,
            "trust in members": t.members,
            "trust in latents": t.latents,
        }


def _shared(a: Agreement) -> str:
    """How many latents members of different starts share; nothing where no two starts differ."""
    if not np.isfinite(a.dimensions):
        return ""
    low, high = a.dimensions_range
    return f"{a.dimensions:g} shared by members of different starts ({low:g} to {high:g}); "


def agreed(run: Run, snapshots: Mapping[str, FloatArray]) -> Agreed:
    """What the members of a run agree on, on rows that it has not learned from.

    Args:
        run: a finished training.
        snapshots: each variable (rows, ...) by name; the first 2048 rows are taken.

    Raises:
        DataError: fewer than 32 rows or 2 members.
    """
    few = {name: values[:ROWS] for name, values in snapshots.items()}
    rows = len(next(iter(few.values())))
    _check_enough(rows, run.members)
    codes = run.encode(few).mean
    active = run.score(few).rate.mean(1) > ACTIVE_NATS
    found = agreement(list(codes), starts_of(run), active=active)
    turned = rotation_test(run, few)
    axes = [independent_axes(z, active=some) for z, some in zip(codes, active, strict=True)]
    return Agreed(found, turned, trust(axes, found, turned), rows)


def _check_enough(rows: int, members: int) -> None:
    if rows < FEWEST_ROWS or members < 2:
        raise DataError(
            f"{rows} rows and {members} members: at least {FEWEST_ROWS} held-out rows and 2 members are needed "
            "(training.held_out, training.members)"
        )


def starts_of(run: Run) -> list[str]:
    """Where the training of each member began."""
    return [start_of(run.settings.training.start, k) for k in run.vae.members]


def agree(
    run: Run,
    store: Store,
    path: Path | str,
    *,
    members: int = MEMBERS,
    progress: Progress | None = None,
    threads: int = 1,
) -> Agreed:
    """What trainings of a run's settings agree on: those of the run itself, or those of a companion.

    Args:
        run: a finished training; one that began in different ways is asked itself.
        store: the data set that it was trained on.
        path: folder of the companion, which is taken up again where it was interrupted.
        members: of the companion.
        progress: called with steps done and steps in all.
        threads: of PyTorch while it trains.

    Raises:
        UsageError: another data set than that of the training.
        DataError: fewer than 32 held-out rows, or 2 members.
        OutputError: the folder holds something else, or cannot be written.

    >>> import tempfile
    >>> from beable import RunSettings, Store, TrainingSettings, train
    >>> wave = np.sin(np.arange(12) + np.random.default_rng(0).uniform(0, 6, (80, 1)))
    >>> store = Store.from_arrays(f"{tempfile.mkdtemp()}/waves.zarr", {"height": wave})
    >>> short = RunSettings(training=TrainingSettings(members=2, steps=5, held_out=40))
    >>> run = train(store, store.path.with_name("run"), short)
    >>> found = agree(run, store, store.path.with_name("run-agree"), members=3)
    >>> found.agreement.starts, found.agreement.dimensions
    (['ica', 'pca', 'random'], 2.0)
    """
    if store.id != run.metadata["store"]:
        raise UsageError(f"{store.path} is not the data set that the run was trained on: give that one")
    if not is_mixed(run):
        settings = companion_settings(run.settings, members)
        _check_enough(len(run.held_rows), members)
        run = train(store, path, settings, progress=progress, threads=threads)
    few = read(store, run.variables, run.held_rows[:ROWS], run.conditions)
    found = agreed(run, few)
    told(progress).begin("measuring")
    return found if found.trust.identified.answer else found._replace(support=_support(run, few, found.agreement))


def _support(run: Run, snapshots: Mapping[str, FloatArray], found: Agreement) -> SupportAxes | None:
    """The axes of the support of one member's codes; other members of the same plane have the same."""
    member = found.shared[0].member if found.shared else 0
    z = run.encode(snapshots).mean[member][:, found.active[member]]
    return support_axes(z) if len(z) >= FEWEST_SUPPORT_ROWS and z.shape[1] > 1 else None


def is_mixed(run: Run) -> bool:
    """Whether members of a run began in different ways."""
    return len(set(starts_of(run))) > 1


def companion_settings(settings: RunSettings, members: int = MEMBERS) -> RunSettings:
    """The settings of a run, for members that begin in different ways and have rows of their own.

    Args:
        settings: of the run.
        members: number of members; lists of one number a member are cut to their first.
    """
    if members < len(STARTS["mixed"]):
        raise UsageError(f"members must be at least {len(STARTS['mixed'])}, one of each start, not {members}")
    tree = json.loads(settings.model_dump_json())
    rate = tree["training"]["learning_rate"]
    tree["training"] |= {
        "members": members,
        "start": "mixed" if settings.model.linear else "random",
        "lag": None,
        "bootstrap": True,
        "rows": None,
        "learning_rate": rate[0] if isinstance(rate, list) else rate,
    }
    if isinstance(tree["objective"]["beta"].get("beta"), list):
        raise UsageError("the run gives each member a beta of its own: trainings of one setting are needed to agree")
    return validated(RunSettings, tree)
