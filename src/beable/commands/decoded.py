"""The verb decode: what a run makes of the rows of a data set, as a data set or as frames that other programs show."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beable.commands.answers import beside
from beable.commands.opened import run_and_store
from beable.console.numbers import many, number
from beable.console.output import show
from beable.console.parameters import Index, Output
from beable.console.progress import progress
from beable.console.tables import facts, next_step, tell
from beable.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from beable.datasets.store import Store
    from beable.simulator import Factor
    from beable.training.run import Run

    Snapshots = Mapping[str, NDArray[Any]]


def decode(run: Path, store: Path | None = None, /, *, output: Output, member: Index = 0, json: bool = False) -> None:
    """Write what a run makes of the rows of a data set: encoded, and decoded again.

    Args:
        run: Run folder.
        store: Data set with the variables that the run learned from; the one it was trained on, where it was, by
            default.
        output: Data set to make, or for particles a file of frames: .pdb, .xyz or .extxyz.
        member: Which VAE of the ensemble.
        json: Print the result as JSON.
    """
    with progress("decoding", quiet=json, first="loading PyTorch") as said:
        check_output(output)
        said.begin("reading data")
        loaded, data = run_and_store(run, store)
        if not 0 <= member < loaded.members:
            raise UsageError(f"member must be from 0 to {loaded.members - 1}, not {member}")
        said.begin("decoding")
        apart = write_decoded(
            loaded, data, output, member, f"Rows of {data.name} decoded by member {member} of {run.name}"
        )
    rows = len(data.valid_rows)
    if json:
        show({"path": output, "rows": rows, "member": member, "root_mean_square": apart}, json=True)
        return
    tell(f"Made {many(rows, 'snapshot')} of {data.name} again by member {member} of {run}.")
    facts({"root mean square distance of particles": apart_in_words(loaded, apart)} if apart is not None else {})
    next_step((["report", run, *beside(store)], "errors and figures"))


def apart_in_words(run: "Run", apart: float) -> str:
    units = run.metadata.get("units", {})
    unit = next((units[name] for name in run.variables if units.get(name, "1") != "1"), "")
    return f"{number(apart)} {unit}".strip()


def check_output(output: Path) -> None:
    """Refuse a file of frames that cannot be written, before anything is computed."""
    from beable.datasets.structures import check_writer

    if output.suffix and output.suffix != ".zarr":
        check_writer(output)


def write_decoded(run: "Run", store: "Store", output: Path, member: int, title: str) -> float | None:
    """Write the decoded rows of a data set; the root mean square distance of its particles, where it has some."""
    import numpy as np

    from beable.training.data import read

    rows = np.asarray(store.valid_rows)
    truth = read(store, run.variables, rows, run.conditions)
    conditions = run.conditions_of(truth)
    snapshots = next(s for k, s in enumerate(run.decode(run.encode(truth).mean, conditions)) if k == member)
    write_snapshots(run, snapshots, output, title, store.factors, store.factor_values[rows])
    name = particles_of(run)
    if name is None:
        return None
    wanted = run.representation.canonical({n: truth[n] for n in run.variables})
    found = run.representation.beside(snapshots, wanted)
    return float(np.sqrt(np.square(found[name].astype(float) - wanted[name]).sum(-1).mean()))


def write_snapshots(
    run: "Run",
    snapshots: "Snapshots",
    output: Path,
    title: str,
    factors: "Sequence[Factor]" = (),
    values: "NDArray[Any] | None" = None,
) -> "Store | None":
    """Write decoded snapshots as a data set, which is returned, or as a file of frames.

    Args:
        run: that decoded them.
        snapshots: each variable (rows, ...), by name.
        output: folder, or file of frames.
        title: one line.
        factors: that are known of the rows.
        values: of these, (rows, factors).
    """
    from beable.datasets.structures import is_structure

    if is_structure(output):
        _write_frames(run, snapshots, output, title)
        return None
    from beable.datasets.store import Store
    from beable.training.declared import kept_coordinates

    about = run.metadata
    words = about.get("declared", {}).get("words", {})
    return Store.from_arrays(
        output,
        snapshots,
        {f.name: values[:, i] for i, f in enumerate(factors)} if values is not None else {},
        dims=about.get("dims"),
        units=about.get("units", {}) | {f.name: f.unit for f in factors},
        symbols={f.name: f.symbol for f in factors},
        coordinates=kept_coordinates(about),
        constants=words,
        particles=identity_of(run),
        classes=run.classes | {f.name: f.classes for f in factors if f.classes},
        components=about.get("declared", {}).get("components"),
        title=title,
    )


def particles_of(run: "Run") -> str | None:
    """The variable of a run that holds positions of particles."""
    dims = run.metadata.get("dims", {})
    return next((name for name in run.variables if "particle" in dims.get(name, ())), None)


def identity_of(run: "Run") -> str:
    """What is known of decoded particles: distinct as those learned from, or put into an order of their own."""
    if particles_of(run) is None:
        return ""
    said = run.metadata.get("declared", {}).get("particles", {}).get("identity", "")
    order = getattr(getattr(run.representation, "order", None), "name", "none")
    return str(said) or ("identical" if order != "none" else "distinct")


def _write_frames(run: "Run", snapshots: "Snapshots", output: Path, title: str) -> None:
    import numpy as np

    from beable.datasets.structures import write_frames

    name = particles_of(run)
    if name is None:
        raise UsageError(
            f"{output.name} holds frames of particles, and the run learned from {', '.join(run.variables)}: give a "
            "folder, such as decoded.zarr"
        )
    words = run.metadata.get("declared", {}).get("words", {})
    boxes = snapshots.get("box") if "box" in run.variables else getattr(run.representation, "edges", None)
    if boxes is not None and "box" in run.variables and boxes.ndim == 2:
        boxes = boxes[:, :, None] * np.eye(boxes.shape[1])
    unit = run.metadata.get("units", {}).get(name, "1")
    write_frames(output, snapshots[name], words, unit, boxes, title)
