"""The arrays of a run: their names, sizes and formats are checked before anything is made of them.

A run may come from elsewhere, so that the sums in its manifest say nothing of who wrote it. What its settings describe
is compared with what its files hold while it is still a description: names, shapes and number formats, without memory.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.overrides import TorchFunctionMode

from beable.errors import BeableError, CorruptError
from beable.files.artefacts import RESTORE
from beable.records import shortened
from beable.representations import Representation
from beable.training.checkpoint import recorded_steps, refuse_misfits
from beable.training.settings import RunSettings
from beable.vae.distributions import Noise
from beable.vae.vae import VAE

FloatArray = NDArray[np.floating]
#: what reading a file of the wrong form may raise in the code that takes it for one of the right form
WRONG_FORM = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, RuntimeError)


class Shapes(Noise):
    """Noise without numbers and without memory: a model made of it has shapes alone.

    >>> Shapes([0, 1]).uniform(10**9).shape
    torch.Size([2, 1000000000])
    """

    def __init__(self, members: list[int]) -> None:
        self.members = list(members)

    def normal(self, *shape: int) -> torch.Tensor:
        return torch.empty(len(self.members), *shape, device="meta")

    def uniform(self, *shape: int) -> torch.Tensor:
        return self.normal(*shape)


class _Described(TorchFunctionMode):
    """Arithmetic on tensors without memory gives their shape; PyTorch's own imports its compiler for it, 1.3 s."""

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        tensors = [a for a in args if isinstance(a, torch.Tensor)]
        name = function.__name__.strip("_").removeprefix("r")
        if name == "linspace":
            return torch.empty(args[2], device="meta")
        if name not in ARITHMETIC or not any(t.device.type == "meta" for t in tensors):
            return function(*args, **(kwargs or {}))
        if function.__name__.endswith("_") and not function.__name__.startswith("_"):
            return args[0]  # in place
        return torch.empty(np.broadcast_shapes(*(t.shape for t in tensors)), dtype=tensors[0].dtype, device="meta")


#: what models make first weights by; a copy costs the import as well
ARITHMETIC = {"add", "sub", "mul", "div", "truediv", "log", "exp", "zero", "neg", "sqrt", "clone"}


def described(representation: Representation, settings: RunSettings) -> VAE:
    """The model of settings without numbers and without memory.

    Args:
        representation: fitted.
        settings: of the run.
    """
    with torch.device("meta"), _Described():
        return VAE(representation.code, settings.model, Shapes(list(range(settings.training.members))))


def restored(
    representation: Representation, arrays: Mapping[str, FloatArray], shapes: Mapping[str, Any], path: Path
) -> Representation:
    """A representation with its fitted arrays, after their names and shapes were found to be those of its settings.

    Args:
        representation: of the settings, not fitted.
        arrays: its fitted arrays.
        shapes: of one row of each variable.
        path: of the file, for the message.

    Raises:
        CorruptError: the first array that differs.
    """
    try:
        wanted = representation.layout(arrays, {name: tuple(shape) for name, shape in shapes.items()})
    except (BeableError, *WRONG_FORM) as error:
        raise CorruptError(f"{path}: no fitted representation ({_named(error)}): {RESTORE}") from error
    for name in sorted({*wanted, *arrays}):
        found = arrays[name].shape if name in arrays else "missing"
        if found != wanted.get(name, "missing"):
            raise CorruptError(f"{path}: representation/{name} is {found}, not {wanted.get(name)}: {RESTORE}")
        holes = np.isnan(arrays[name]) if name in representation.lacking else np.zeros(1, bool)
        if not (np.isfinite(arrays[name]) | holes).all() or holes.all(axis=-1).any():
            raise CorruptError(f"{path}: representation/{name} is not finite: {RESTORE}")
    try:
        return representation.restore(arrays, shapes)
    except (BeableError, *WRONG_FORM) as error:
        raise CorruptError(f"{path}: no fitted representation ({_named(error)}): {RESTORE}") from error


def _named(error: BaseException) -> str:
    return f"{type(error).__name__} {shortened(str(error))}"


def model(representation: Representation, settings: RunSettings, arrays: Mapping[str, FloatArray], path: Path) -> VAE:
    """The model of a run with its parameters, built after these were found to be those of the settings.

    Args:
        representation: fitted.
        settings: of the run.
        arrays: parameters and constants.
        path: of the file, for the message.

    Raises:
        CorruptError: the first array that differs.
    """
    found = {name: torch.from_numpy(a.copy()) for name, a in arrays.items()}
    try:
        _refuse_sizes(representation, settings, arrays)
        wanted = described(representation, settings).state_dict()
    except (BeableError, *WRONG_FORM) as error:
        raise CorruptError(f"{path}: the settings describe no model ({_named(error)}): {RESTORE}") from error
    refuse_misfits(found, wanted, path)
    members = list(range(settings.training.members))
    vae = VAE(representation.code, settings.model, Noise(settings.training.seed, members, "start", 1))
    refuse_misfits(found, vae.state_dict(), path)
    vae.load_state_dict(found)
    return vae


def _refuse_sizes(representation: Representation, settings: RunSettings, arrays: Mapping[str, FloatArray]) -> None:
    """Refuse members, layers and outputs that cannot all be in a file, before as many are begun."""
    m, numbers = settings.model, sum(a.size for a in arrays.values())
    layers = [m.depth if m.hidden is None else len(m.hidden), len(m.channels), len(m.head or ())]
    layers += [len(m.decoder_channels or ()), sum(m.blocks) if m.network == "dense-conv" else 0]
    if max(layers) > len(arrays):
        raise ValueError(f"{max(layers)} layers in {len(arrays)} arrays")
    if max(settings.training.members, representation.width) > numbers:
        raise ValueError(f"{settings.training.members} members with {representation.width} outputs in fewer numbers")


def refuse_history(history: Mapping[str, FloatArray], settings: RunSettings, steps: int, path: Path) -> None:
    """Refuse a history that is not one of this training.

    Args:
        history: recorded steps and terms.
        settings: of the run.
        steps: taken.
        path: of the file, for the message.

    Raises:
        CorruptError: other steps than those recorded, terms of another shape, or terms that are missing.
    """
    expected = recorded_steps(settings.training.record_every, settings.training.steps, steps)
    if "step" not in history or history["step"].shape != (len(expected),) or history["step"].tolist() != expected:
        raise CorruptError(f"{path}: step does not hold the {len(expected)} recorded steps of the training: {RESTORE}")
    terms = {name for name in history if name != "step"}
    halves = [{name.removeprefix(f"{side}/") for name in terms if name.startswith(f"{side}/")} for side in SIDES]
    training = {"labels"} if settings.objective.labels is not None else set()  # held-out rows have none
    missing = ((halves[0] - training) ^ halves[1]) | ((NEEDED | training) - halves[0]) | ({"beta"} - terms)
    if missing:
        raise CorruptError(f"{path}: {min(missing)} is missing: {RESTORE}")
    shape = (len(expected), settings.training.members)
    for name in sorted(terms):
        if history[name].shape != shape or history[name].dtype.kind != "f":
            raise CorruptError(f"{path}: {name} is {history[name].dtype} {history[name].shape}, not {shape}: {RESTORE}")


#: rows on which a record is made, and the terms that every objective has
SIDES, NEEDED = ("train", "held"), {"distortion", "rate/z"}
