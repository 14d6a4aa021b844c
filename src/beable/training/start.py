r"""Where training starts: the linear path of encoder and decoder.

With :math:`c` the codes and P their n leading principal directions, the encoder's mean starts as
:math:`z = W P^\top (c - \bar c)` and the decoder as the least-squares map back. ``pca`` takes W as the whitening of
each direction on its own; ``ica`` turns it to the independent components of FastICA (Hyvärinen & Oja 2000), which
finds the axes of independent factors unless they are normal; ``support`` to the map after which the support of the
latents is a product, which finds those of dependent factors that come in all combinations (training/support.py).
Members differ by bootstrap draws of the rows.
``tica`` to the directions that are correlated with themselves longest (training/slow.py), the slowest first:
of all rows for every member, because rows drawn again break most of the few slow passages that a trajectory holds.
A network of rectified convolutions holds the path itself where it has none beside it (training/carried.py).
``random`` leaves random weights, as the sources do. Training keeps the orientation it starts from, so members of one
start agree because of it: ``mixed`` gives members ICA, PCA and random weights in turn, and what they agree on then does
not come from the start.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from beable.errors import DataError, UsageError, unknown
from beable.metrics.fast_ica import fast_ica
from beable.representations.modes import RESOLVED, largest
from beable.streams import generator
from beable.training.carried import carries, carry
from beable.training.ensemble import drawn
from beable.training.slow import Pairs, slow_directions
from beable.training.support import support_turn
from beable.vae.vae import VAE

FloatArray = NDArray[np.floating]
ICA_TRIES = 8
DRAWS = 64
LOG_COSH_NORMAL = 0.374567


class LinearPath(NamedTuple):
    """z = (c - offset) W, c = z V + offset.

    Args:
        forward: W, (m, latents).
        back: V, (latents, m).
        offset: mean code, (m).
        converged: whether the search for the path came to rest.
    """

    forward: FloatArray
    back: FloatArray
    offset: FloatArray
    converged: bool = True


def pca_path(codes: FloatArray, latents: int, rng: np.random.Generator) -> LinearPath:
    """Leading principal components with unit variance."""
    offset = codes.mean(0)
    directions, deviation = _principal(codes - offset, latents)
    return _oriented(directions / deviation, codes - offset, offset)


def ica_path(codes: FloatArray, latents: int, rng: np.random.Generator) -> LinearPath:
    """Independent components of the leading principal components, with unit variance."""
    offset = codes.mean(0)
    directions, deviation = _principal(codes - offset, latents)
    whitening = directions / deviation
    white = (codes - offset) @ whitening
    turn, converged = independent_turn(white, rng)
    return _oriented(whitening @ turn, codes - offset, offset)._replace(converged=converged)


def whitened_codes(codes: FloatArray, latents: int) -> FloatArray:
    """The leading principal components of codes with unit variances, (rows, latents)."""
    centred = codes.astype(np.float64) - codes.mean(0)
    directions, deviation = _principal(centred, latents)
    return np.asarray(centred @ (directions / deviation))


def support_path(codes: FloatArray, latents: int, rng: np.random.Generator) -> LinearPath:
    """Latents of unit variance whose support is nearest to a product, in the span of the leading components."""
    offset = codes.mean(0)
    directions, deviation = _principal(codes - offset, latents)
    whitening = directions / deviation
    white = (codes - offset) @ whitening
    found = support_turn(white, rng, independent_turn(white, rng, 1)[0])
    return _oriented(whitening @ found.turn, codes - offset, offset)._replace(converged=found.converged)


def independent_turn(
    white: FloatArray, rng: np.random.Generator, tries: int = ICA_TRIES, steps: int = 500, tolerance: float = 1e-5
) -> tuple[FloatArray, bool]:
    """The rotation of white columns to independent components, the best of a few runs, and whether it converged.

    Args:
        white: (rows, n), with unit covariance.
        rng: where the runs begin.
        tries: number of runs.
        steps: most steps of a run.
        tolerance: 1 - cos of the angle of the last step at which a run has come to rest.

    >>> turned, _ = independent_turn(np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]]), np.random.default_rng(0))
    >>> turned.shape
    (2, 2)
    """
    found = [fast_ica(white, rng, steps, tolerance) for _ in range(tries)]
    return max(found, key=lambda tried: _negentropy(white @ tried[0]))


def _negentropy(z: FloatArray) -> float:
    """Negentropy of white components: E[log cosh z] away from its value for normal numbers, squared and summed."""
    return float(((np.log(np.cosh(z)).mean(0) - LOG_COSH_NORMAL) ** 2).sum())


def _principal(centred: FloatArray, count: int) -> tuple[FloatArray, FloatArray]:
    """Leading principal directions (m, count) and the standard deviation along each."""
    rows, m = centred.shape
    small = centred @ centred.T if rows < m else centred.T @ centred
    energies, vectors = np.linalg.eigh(small / rows)
    energies, vectors = energies[::-1][:count], vectors[:, ::-1][:, :count]
    if count > m or len(energies) < count or energies[-1] <= RESOLVED * energies[0]:
        raise DataError(
            f"{count} latents need {count} independent directions in the training rows, "
            "there are fewer: lower model.latents"
        )
    directions = vectors if rows >= m else centred.T @ vectors / np.sqrt(rows * energies)
    return directions, np.sqrt(energies)


def _oriented(forward: FloatArray, centred: FloatArray, offset: FloatArray, by_energy: bool = True) -> LinearPath:
    """The path with its way back, latents ordered by the energy they carry, the largest effect of each positive."""
    z = centred @ forward
    back = np.linalg.lstsq(z, centred, rcond=1e-6)[0]  # unit variances, weak correlations: the cut-off is idle
    energies = (back**2).sum(1) * z.var(0)
    order = np.argsort(-energies, kind="stable") if by_energy else np.arange(len(energies))
    tallest = back[order, largest(back[order].T)]
    sign = np.where(tallest < 0, -1.0, 1.0)
    return LinearPath(forward[:, order] * sign, back[order] * sign[:, None], offset)


PATHS: dict[str, Callable[[FloatArray, int, np.random.Generator], LinearPath] | None] = {
    "ica": ica_path,
    "pca": pca_path,
    "support": support_path,
    "random": None,
}
#: the start from rows a lag apart
SLOW = "tica"
#: the starts that members take in turn
STARTS: dict[str, tuple[str, ...]] = {**{name: (name,) for name in PATHS}, "mixed": ("ica", "pca", "random")}


def start_of(kind: str, member: int) -> str:
    """The start that a member takes.

    Args:
        kind: a name in ``STARTS``.
        member: its number.

    >>> [start_of("mixed", k) for k in range(4)]
    ['ica', 'pca', 'random', 'ica']
    """
    if kind == SLOW:
        return SLOW
    if kind not in STARTS:
        raise unknown("start", kind, [*STARTS, SLOW])
    return STARTS[kind][member % len(STARTS[kind])]


def slow_path(codes: FloatArray, latents: int, pairs: Pairs) -> LinearPath:
    """Slowest directions first, each of unit variance."""
    offset = codes.mean(0)
    return _oriented(slow_directions(codes, pairs, latents).directions, codes - offset, offset, by_energy=False)


def linear_starts(
    kind: str,
    codes: FloatArray,
    latents: int,
    members: Sequence[int],
    seed: int,
    attempt: int = 0,
    pairs: Pairs | None = None,
) -> list[LinearPath | None]:
    """The linear path of each member from a bootstrap draw of the codes; None for random weights.

    A draw with fewer directions than latents, which few rows may give, is drawn again.

    Args:
        kind: a name in ``STARTS``.
        codes: training codes, (rows, m).
        latents: number of latents n.
        members: numbers of the members.
        seed: seed of the training.
        attempt: which start of these members it is, from 0.
        pairs: places of rows a lag apart, for the start "tica", (pairs, 2).

    Raises:
        DataError: the codes themselves have fewer directions than latents.
    """
    codes = codes.astype(np.float64)
    if kind == SLOW:
        if pairs is None:
            raise UsageError("the start 'tica' needs rows in their order and a lag: set training.lag (--lag)")
        return [slow_path(codes, latents, pairs)] * len(members)
    paths = [PATHS[start_of(kind, k)] for k in members]
    if any(paths):
        _principal(codes - codes.mean(0), latents)
    rngs = [generator(seed, "start", k, 2 * attempt) for k in members]
    return [_start(path, codes, latents, rng) for path, rng in zip(paths, rngs, strict=True)]


def _start(
    path: Callable[[FloatArray, int, np.random.Generator], LinearPath] | None,
    codes: FloatArray,
    latents: int,
    rng: np.random.Generator,
) -> LinearPath | None:
    """The path of one member from the first draw that has enough directions, or from all rows where none has."""
    if path is None:
        return None
    for _ in range(DRAWS):
        draw = codes[drawn(len(codes), rng)]
        with suppress(DataError):  # too few directions
            return path(draw, latents, rng)
    return path(codes, latents, rng)


@torch.no_grad()
def initialise(vae: VAE, linear: Sequence[LinearPath | None]) -> None:
    """Write linear paths into the encoders and decoders of an ensemble, in place; None leaves a member as it is."""
    if not any(path is not None for path in linear):
        return
    encoder, decoder = vae.encoder, vae.decoder
    if encoder.linear is None or decoder.linear is None:
        if not carries(decoder.settings):
            raise UsageError(
                "this start needs a linear path, the model has none: set model.linear = true or "
                "training.start = 'random'"
            )
        carry(vae, [None if path is None else path[:3] for path in linear])
        return
    scale_in, scale_out = encoder.scale.numpy(), decoder.scale.numpy()
    for k, path in enumerate(linear):
        if path is None:
            continue
        encoder.linear.weight[k] = torch.from_numpy(path.forward * scale_in[:, None])
        encoder.linear.bias[k] = torch.from_numpy(-path.offset @ path.forward)
        decoder.linear.weight[k] = torch.from_numpy(path.back / scale_out)
        decoder.linear.bias[k] = torch.from_numpy(path.offset / scale_out)
