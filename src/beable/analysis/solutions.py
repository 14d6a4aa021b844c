r"""Sets of parameters of one member: where training ended, where it began, and the same network with turned latents.

A *point* holds the parameters of one member by name, without the axis of members, and stacked points carry it again:
since a network of K members is evaluated in one go, so are K points on a line.

**Turned latents.** For an orthogonal matrix A, latents z' = z A and a decoder that turns back are the same model:

.. math:: \mu'(y) = \mu(y) A, \qquad p'(y | z') = p(y | z' A^\top)

Both are exact, because encoders end in a linear layer and decoders begin with one. The standard deviations of q(z|y)
belong to axes. A swap of latents or a change of sign carries them along; for any other turn those of the nearest swap
are taken, which changes the objective where they differ.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from beable.console.records import readable
from beable.datasets.store import Store
from beable.errors import UsageError, unknown
from beable.metrics.columns import standardised
from beable.training.data import code_rows
from beable.training.run import Run, untrained
from beable.vae.distributions import Noise
from beable.vae.networks import Linear
from beable.vae.priors import Hierarchical, Mixture
from beable.vae.vae import VAE, Rows

FloatArray = NDArray[np.floating]
Floats = NDArray[np.float64]
#: parameters of one member by name, or of several with the members first
Point = dict[str, Tensor]


def solution(run: Run, member: int) -> Point:
    """The parameters that a member kept, with what else is its own, such as a fixed output variance.

    Args:
        run: a finished training.
        member: its place in the run, from 0.
    """
    if not 0 <= member < run.members:
        raise UsageError(f"the run has members 0 to {run.members - 1}, got member {member}: give one of them")
    return _member(run, run.vae, member)


def starting_points(
    run: Run, store: Store, *, seed: int | None = None, start: str | None = None, members: int | None = None
) -> list[Point]:
    """The parameters that members began with.

    A run does not keep them. They are made again, bit for bit, from the seed, the settings and the training rows;
    another seed gives initialisations that were never trained, as figure 6 of the source asks for.

    Args:
        run: a finished training.
        store: the data set that it was trained on.
        seed: of the initialisation; the run's own by default.
        start: "ica", "pca", "random" or "mixed"; the run's own by default.
        members: how many; as many as the run has by default.

    Raises:
        UsageError: another data set than that of the training.

    Source: Jacobsen and Duraisamy, Frontiers in Physics 10:890910 (2022), section 4.2.
    """
    if store.id != run.metadata["store"]:
        raise UsageError(f"{store.path} is not the data set that the run was trained on: give that one")
    asked = {"seed": seed, "start": start, "members": members}
    training = run.settings.training.model_copy(update={k: v for k, v in asked.items() if v is not None})
    settings = run.settings.model_copy(update={"training": training})
    coded = code_rows(store, run.variables, run.train_rows, run.representation, run.conditions)
    vae = untrained(run.representation.code, coded, settings)
    return [_member(run, vae, k) for k in range(len(vae.members))]


def _member(run: Run, vae: VAE, member: int) -> Point:
    return {name: vae.state_dict()[name][member].clone() for name in own_names(run)}


def own_names(run: Run) -> list[str]:
    """Names of the parameters and buffers that each member has its own of; all others are the data's."""
    other = [0] if run.members > 1 else [0, 1]
    shapes = {name: t.shape for name, t in _built(run, other).state_dict().items()}
    return [name for name, t in run.vae.state_dict().items() if t.shape != shapes[name]]


def _built(run: Run, members: Sequence[int]) -> VAE:
    return VAE(run.representation.code, run.settings.model, Noise(0, members, "start"))


def stack(points: Sequence[Point]) -> Point:
    """Several points as one, the points first."""
    return {name: torch.stack([p[name] for p in points]) for name in points[0]}


class _Asked(nn.Module):
    """A VAE of which something is asked with other parameters than its own."""

    def __init__(self, vae: VAE, function: Callable[..., Any]) -> None:
        super().__init__()
        self.vae, self.function = vae, function

    def forward(self, *words: Any) -> Any:
        return self.function(self.vae, *words)


@torch.no_grad()
def asked(run: Run, points: Point, function: Callable[..., Any], *words: Any) -> Any:
    """What a function of a VAE, and of more, says at stacked points; the run is left as it is.

    Layers that keep running means of their inputs use those of the rows that they see.

    Args:
        run: whose networks they are.
        points: stacked ones.
        function: called with the VAE and the words.
        words: what else it is given.
    """
    try:
        held = {f"vae.{name}": t.clone() for name, t in points.items()}
        return functional_call(_Asked(run.vae, function).train(), held, words)
    finally:
        run.vae.eval()


def rows_at(run: Run, snapshots: Mapping[str, FloatArray], points: int, dtype: torch.dtype) -> Rows:
    """Snapshots as each of so many points sees them, without copying."""
    one = run.rows(snapshots)

    def spread(t: Tensor) -> Tensor:
        return t[:1].to(dtype).expand(points, *t.shape[1:])

    return one.each(spread)


def codes_at(run: Run, points: Sequence[Point], snapshots: Mapping[str, FloatArray]) -> FloatArray:
    """Posterior means of snapshots at points, (points, rows, latents).

    Args:
        run: whose networks they are.
        points: sets of parameters.
        snapshots: each variable (rows, ...) by name.
    """
    stacked = stack(points)
    rows = rows_at(run, snapshots, len(points), next(iter(stacked.values())).dtype)
    mean: Tensor = asked(run, stacked, lambda vae, part: vae.encoder(part.values, part.conditions).mean, rows)
    return np.asarray(mean.numpy())


@readable
class Matched(NamedTuple):
    """A set of parameters with its latents laid along those of another one.

    Args:
        point: the parameters.
        turn: A, orthogonal, (latents, latents): the latents are those of before times A.
    """

    point: Point
    turn: FloatArray


def matched(
    run: Run, reference: Point, other: Point, snapshots: Mapping[str, FloatArray], how: str = "permutation"
) -> Matched:
    r"""Turn the latents of one solution to those of another; its reconstructions stay what they are.

    .. math:: A = \arg\min_A \sum_r \| \mu(y_r) - \mu_{ref}(y_r) - \text{their means} \|^2

    over all orthogonal A ("rotation", Schönemann 1966), or over swaps and signs of latents for the largest sum of
    |correlation| ("permutation"). The prior is carried along where it has parameters of each latent. The standard
    normal need not be; a fixed prior with several variances stays, so that a swap then costs what it costs.

    Args:
        run: whose networks they are.
        reference: parameters whose latents the others are laid along.
        other: parameters to turn.
        snapshots: rows that the latents are compared on.
        how: a name in ``MATCHINGS``.

    Raises:
        UsageError: an unknown matching, or networks without a linear layer next to the latents.
    """
    if how not in MATCHINGS:
        raise unknown("matching", how, MATCHINGS)
    target, codes = codes_at(run, [reference, other], snapshots).astype(np.float64)
    turn = MATCHINGS[how](codes, target)
    return Matched(turned(run, other, turn), turn)


def _signed_permutation(codes: Floats, target: Floats) -> FloatArray:
    return nearest_swap(standardised(codes).T @ standardised(target))


def _procrustes(codes: Floats, target: Floats) -> FloatArray:
    u, _, vt = np.linalg.svd((codes - codes.mean(0)).T @ (target - target.mean(0)))
    return np.asarray(u @ vt)


#: the orthogonal matrix that lays codes (rows, latents) along others
MATCHINGS: dict[str, Callable[[Floats, Floats], FloatArray]] = {
    "none": lambda codes, target: np.eye(codes.shape[1]),
    "permutation": _signed_permutation,
    "rotation": _procrustes,
}


def nearest_swap(matrix: FloatArray) -> FloatArray:
    """The swap of latents with signs that is nearest to a square matrix.

    >>> nearest_swap(np.array([[0.3, -0.9], [0.8, 0.2]])).tolist()
    [[0.0, -1.0], [1.0, 0.0]]
    """
    rows, columns = scipy.optimize.linear_sum_assignment(np.abs(matrix), maximize=True)
    swap = np.zeros(matrix.shape)
    swap[rows, columns] = np.where(matrix[rows, columns] < 0, -1.0, 1.0)
    return swap


def turned(run: Run, point: Point, turn: FloatArray) -> Point:
    """The same model with latents z A, as this module says.

    Args:
        run: whose networks they are.
        point: its parameters.
        turn: A, orthogonal, (latents, latents).

    Raises:
        UsageError: a matrix that is not orthogonal, or networks without a linear layer next to the latents.
    """
    latents = run.settings.model.latents
    if np.shape(turn) != (latents, latents) or not np.allclose(turn @ turn.T, np.eye(latents), atol=1e-6):
        raise UsageError(f"turn must be an orthogonal matrix ({latents}, {latents}), got shape {np.shape(turn)}")
    answer = {name: t.clone() for name, t in point.items()}
    _Turning(run, answer, torch.as_tensor(turn)).all()
    return answer


class _Turning:
    """Turns the latents of a point in place."""

    def __init__(self, run: Run, point: Point, turn: Tensor) -> None:
        self.vae, self.point, self.turn = run.vae, point, turn
        self.swap = torch.as_tensor(nearest_swap(turn.numpy()))

    def all(self) -> None:
        self._encoder()
        self._decoder()
        if isinstance(self.vae.prior, Mixture):
            self._mixture()
        elif isinstance(self.vae.prior, Hierarchical):
            self._hierarchical(self.vae.prior)

    def _encoder(self) -> None:
        if any(name == "encoder.network.mean" for name, _ in self.vae.named_modules()):
            self._columns("encoder.network.mean", self.turn)
            self._columns("encoder.network.log_variance", self.swap.abs())
        else:
            self._columns("encoder.network", torch.block_diag(self.turn, self.swap.abs()))  # type: ignore[no-untyped-call]
        if self.vae.encoder.linear is not None:
            for name in ("encoder.linear.weight", "encoder.linear.bias"):
                self._put(name, self.point[name].double() @ self.turn)

    def _columns(self, part: str, turn: Tensor) -> None:
        """The last layer of a part turns what it gives."""
        last = self._linears(part)[-1]
        for name in (f"{last}.weight", f"{last}.bias"):
            columns = self.point[name]
            if columns.shape[-1] != len(turn):
                raise UsageError(f"{name} does not end in {len(turn)} numbers of the latents: they cannot be turned")
            self._put(name, columns.double() @ turn)

    def _decoder(self) -> None:
        self._back(f"{self._linears('decoder.network')[0]}.weight")
        if self.vae.decoder.linear is not None:
            self._back("decoder.linear.weight")

    def _mixture(self) -> None:
        order = self.swap.abs().argmax(0)
        for name in ("logit", "mean", "log_std"):
            self._put(f"prior.{name}", self.point[f"prior.{name}"][:, order])
        signs = self.swap.sum(0)[:, None]
        self._put("prior.mean", self.point["prior.mean"] * signs)

    def _hierarchical(self, prior: Hierarchical) -> None:
        self._back(f"{self._linears('prior.encoder')[0]}.weight")
        last = self._linears("prior.decoder")[-1]
        for name in (f"{last}.weight", f"{last}.bias"):  # a mean that ends in a rectifier has no other sign
            self._put(name, self.point[name].double() @ (self.turn if prior.decoder.last is None else self.swap.abs()))
        self._put("prior.decoder_log_std", self.point["prior.decoder_log_std"].double() @ self.swap.abs())

    def _back(self, name: str) -> None:
        """A layer that is given z' turns it back: of its inputs the first are latents."""
        weight, n = self.point[name].double().clone(), len(self.turn)
        weight[:n] = self.turn.T @ weight[:n]
        self._put(name, weight)

    def _put(self, name: str, value: Tensor) -> None:
        self.point[name] = value.to(self.point[name].dtype)

    def _linears(self, prefix: str) -> list[str]:
        """Names of the fully connected layers of a part, in their order."""
        found = [
            name
            for name, module in self.vae.named_modules()
            if name.startswith(f"{prefix}.") and isinstance(module, Linear)
        ]
        if not found:
            raise UsageError(f"{prefix} has no fully connected layer next to the latents: they cannot be turned")
        return found
