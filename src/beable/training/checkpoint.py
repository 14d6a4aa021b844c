"""Checkpoints of a training under way: all that it needs to go on bit for bit, and nothing taken back unchecked.

::

    checkpoints/step-00000400/
      state.safetensors    every tensor of `state`
      history.safetensors  recorded steps and terms
      step.json            steps taken, CPU seconds
      manifest.json        names, sizes and sha256 of these; written last

What a checkpoint must hold is what the training would save now: the same names, shapes and number formats. One that is
damaged or does not fit is removed before the training goes on past its step.
"""

import math
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from time import monotonic, process_time
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from beable import records
from beable.errors import BeableError, CorruptError, LeftOutWarning
from beable.files import array_files, artefacts, disk, json_files
from beable.training.fit import Fit, History

KIND, VERSION = "beable-checkpoint", 1
KEPT = 2
FloatArray = NDArray[np.floating]


class Saver:
    """Writes a checkpoint when the last one is old enough, and keeps the newest two.

    Args:
        folder: of the checkpoints.
        every: seconds between two of them.
        spent: CPU seconds of the training until now.
    """

    def __init__(self, folder: Path, every: float, spent: float) -> None:
        self.folder, self.every = folder, every
        self.last, self.offset = monotonic(), spent - process_time()

    def spent(self) -> float:
        """CPU seconds of the training so far, interruptions included."""
        return self.offset + process_time()

    def __call__(self, fit: Fit) -> None:
        if monotonic() - self.last < self.every or not fit.finite():
            return
        save(fit, self.folder, self.spent())
        for old in checkpoints(self.folder)[:-KEPT]:
            disk.remove(old)
        self.last = monotonic()


def checkpoints(folder: Path) -> list[Path]:
    """Checkpoints in the order of their steps."""
    return sorted(folder.glob("step-*"))


def newest_step(folder: Path) -> int:
    """Step of the newest checkpoint; 0 without any."""
    steps: list[str] = []
    with suppress(FileNotFoundError):  # a training that ends removes the folder
        steps = [path.name.removeprefix("step-") for path in checkpoints(folder)]
    return max((int(step) for step in steps if step.isdecimal()), default=0)


def state(fit: Fit) -> dict[str, Tensor]:
    """Every tensor that changes as a training goes on, by name: the tensors themselves, so that they can be set."""
    named = {f"vae/{name}": t for name, t in fit.vae.state_dict().items()}
    named |= {"beta": fit.beta, "restarted": fit.restarted}
    if fit.sub_beta is not None:
        named["sub_beta"] = fit.sub_beta
    if fit.regulariser is not None:
        named |= {f"regulariser/{name}": t for name, t in fit.regulariser.state_dict().items()}
    for optimiser, adam in (("adam", fit.adam), ("rival-adam", fit.rival_adam)):
        moments = enumerate(adam.moments())
        named |= {f"{optimiser}/{i}/{name}": t for i, of in moments for name, t in of.items()}
    return named | {f"best/{name}": t for name, t in fit.best.tensors.items()}


def save(fit: Fit, folder: Path, spent: float) -> None:
    """Write a checkpoint of a training at its step.

    Args:
        fit: the training.
        folder: of the checkpoints.
        spent: CPU seconds until now.
    """
    with disk.building(folder / _name(fit.step)) as path:
        array_files.write_arrays(path / "state.safetensors", arrays(state(fit)))
        array_files.write_arrays(path / "history.safetensors", history_arrays(fit.history))
        json_files.write_json(path / "step.json", {"step": fit.step, "cpu_seconds": spent})
        artefacts.seal(path, KIND, VERSION, {"step": fit.step})


def _name(step: int) -> str:
    return f"step-{step:08d}"


def arrays(tensors: Mapping[str, Tensor]) -> dict[str, FloatArray]:
    """Tensors as arrays."""
    return {name: t.detach().cpu().numpy() for name, t in tensors.items()}


def history_arrays(history: History) -> dict[str, FloatArray]:
    """Recorded steps, and each term as (records, members)."""
    terms = {name: torch.stack(values).numpy() for name, values in history.terms.items()}
    return {"step": np.asarray(history.steps, np.int64), **terms}


def restore(fit: Fit, folder: Path) -> float:
    """Take up the newest checkpoint that is whole and fits; CPU seconds spent until then, 0 without one.

    Args:
        fit: the training at its first step; left as it is where no checkpoint fits.
        folder: of the checkpoints; those that are not whole are removed from it.

    Warns:
        LeftOutWarning: a checkpoint that is damaged, or of another training.
    """
    for path in reversed(checkpoints(folder)):
        try:
            found = _read(fit, path)
        except BeableError as error:
            disk.remove(path)
            warnings.warn(f"{error}: left out, the training goes on from before it", LeftOutWarning, stacklevel=3)
            continue
        _take(fit, found)
        return found.cpu_seconds
    return 0.0


class _Found(NamedTuple):
    """What a checkpoint holds, checked."""

    step: int
    cpu_seconds: float
    tensors: dict[str, Tensor]
    history: History


@torch.no_grad()
def _take(fit: Fit, found: _Found) -> None:
    fit.step, fit.history = found.step, found.history
    for name, tensor in state(fit).items():
        tensor.copy_(found.tensors[name])


def _read(fit: Fit, path: Path) -> _Found:
    """The contents of a checkpoint.

    Raises:
        CorruptError: it is damaged, or not what this training would save.
    """
    artefacts.check(path, KIND, VERSION)
    if problems := artefacts.verify(path):
        raise CorruptError(f"{path}: {problems[0]}")
    step, cpu_seconds = _progress(json_files.read_json(path / "step.json"), fit, path)
    tensors = {name: torch.from_numpy(a) for name, a in array_files.read_arrays(path / "state.safetensors").items()}
    refuse_misfits(tensors, state(fit), path)
    history = _history(array_files.read_arrays(path / "history.safetensors"), fit, step, path)
    _refuse_nonsense(tensors, step, len(history.steps), path)
    return _Found(step, cpu_seconds, tensors, history)


def _progress(about: Any, fit: Fit, path: Path) -> tuple[int, float]:
    """Steps taken and CPU seconds."""
    if not isinstance(about, dict) or about.keys() != {"step", "cpu_seconds"}:
        raise CorruptError(f"{path}: step.json must hold step and cpu_seconds")
    step, spent = about["step"], about["cpu_seconds"]
    if type(step) is not int or not 0 < step <= fit.settings.steps or path.name != _name(step):
        raise CorruptError(f"{path}: step.json holds step {records.shortened(step)}")
    if type(spent) not in (int, float) or not 0 <= spent < math.inf:
        raise CorruptError(f"{path}: step.json holds {records.shortened(spent)} CPU seconds")
    return step, float(spent)


def refuse_misfits(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], path: Path) -> None:
    """Refuse tensors that have not exactly the names, shapes and number formats that are wanted.

    Whole numbers of a model are places in arrays, which the settings decide: they must be the same ones.

    Args:
        found: tensors of a file.
        wanted: tensors of the model that the settings describe; those without memory (device "meta") will do.
        path: of the file, for the message.

    Raises:
        CorruptError: the first that differs.
    """
    forms = [{name: (tuple(t.shape), t.dtype) for name, t in tensors.items()} for tensors in (found, wanted)]
    for name in sorted({*found, *wanted}):
        there, asked = forms[0].get(name), forms[1].get(name)
        if there != asked:
            raise CorruptError(f"{path}: {name} is {_form(there)} where the settings ask for {_form(asked)}")
        if _is_place(name, wanted[name]) and not torch.equal(found[name], wanted[name].cpu()):
            raise CorruptError(f"{path}: {name} has other numbers than the settings ask for")


def _is_place(name: str, tensor: Tensor) -> bool:
    counted = tensor.is_floating_point() or tensor.dtype == torch.bool or name.startswith(("best/", "restarted"))
    return not counted and tensor.device.type != "meta"


def _form(form: tuple[tuple[int, ...], torch.dtype] | None) -> str:
    return "missing" if form is None else f"{str(form[1]).removeprefix('torch.')} {form[0]}"


def _history(found: Mapping[str, FloatArray], fit: Fit, step: int, path: Path) -> History:
    """The records of a training that has come to a step."""
    steps = recorded_steps(fit.settings.record_every, fit.settings.steps, step)
    one = fit.first_record() if steps else {}
    wanted = {name: value.expand(len(steps), *value.shape) for name, value in one.items()}
    tensors = {name: torch.from_numpy(a) for name, a in found.items()}
    refuse_misfits(tensors, wanted | {"step": torch.tensor(steps, dtype=torch.int64)}, path / "history.safetensors")
    return History(steps, {name: list(tensors[name].clone()) for name in one})


def recorded_steps(every: int, last: int, step: int) -> list[int]:
    """The steps at which a training that has come to a step has made its records.

    >>> recorded_steps(20, 50, 45), recorded_steps(20, 50, 50)
    ([20, 40], [20, 40, 50])
    """
    return [*range(every, step + 1, every), *([step] if step == last and step % every else [])]


def _refuse_nonsense(tensors: Mapping[str, Tensor], step: int, records: int, path: Path) -> None:
    """Refuse numbers of the right form that no training has."""
    for name, t in tensors.items():
        kind, _, rest = name.partition("/")
        if kind != "best" and not bool(torch.isfinite(t).all()):
            raise CorruptError(f"{path}: {name} is not finite")
        low, high = _range(kind.removeprefix("rival-"), rest.rpartition("/")[2], step, records)
        if t.numel() and not bool(((t >= low) & (t <= high)).all()):
            raise CorruptError(f"{path}: {name} is not between {low:g} and {high:g}")


def _range(kind: str, name: str, step: int, records: int) -> tuple[float, float]:
    if (kind, name) == ("adam", "step"):
        return 0, step
    if (kind, name) == ("adam", "exp_avg_sq"):
        return 0, math.inf
    if (kind, name) == ("best", "records"):
        return 0, records
    return (0 if kind == "restarted" else -math.inf), math.inf
