"""CPU time of a row of Darcy flow by scheme and number of modes, beside the same equations in SciPy's spsolve.

    python benchmarks/darcy_rows.py [--blocks 5] [--json]

One thread, medians. A row is everything from factors to checked fields, timed over blocks of 20; "solve" is the
pressure alone, which is what the peer does too. Both solve the same fields one after the other, and the pressures are
compared. The modes are timed beside SciPy's eigsh on the full covariance matrix.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import scipy.sparse
from scipy.sparse.linalg import eigsh, spsolve
from threadpoolctl import threadpool_limits

from beable.streams import RowStreams
from beable.systems.darcy.finite_differences import FiniteDifferences
from beable.systems.darcy.finite_volumes import conductances
from beable.systems.darcy.karhunen_loeve import karhunen_loeve
from beable.systems.darcy.simulator import SCHEMES, Darcy
from beable.systems.darcy.square_grid import Field, nodes, volumes, without_mean

T = TypeVar("T")

TARGETS = {("conservative", 2): 2.0, ("conservative", 100): 7.0, ("jacobsen", 2): 50.0, ("jacobsen", 100): 50.0}
KLE_MODES, KLE_TARGET = 10, 4.0
BLOCK = 20


def cpu(task: Callable[..., T], *arguments: object) -> tuple[float, T]:
    """CPU milliseconds of a task, and its result."""
    start = time.process_time()
    result = task(*arguments)
    return 1e3 * (time.process_time() - start), result


def volume_matrix(permeability: Field) -> scipy.sparse.csc_array:
    """The finite-volume equations as a sparse matrix."""
    n, face = len(permeability), conductances(permeability)
    number = np.arange(n * n).reshape(n, n)
    near = np.concatenate([number[:-1].ravel(), number[:, :-1].ravel()])
    far = np.concatenate([number[1:].ravel(), number[:, 1:].ravel()])
    through = np.concatenate([face.x.ravel(), face.y.ravel()])
    couplings = scipy.sparse.coo_array((through, (near, far)), shape=(n * n, n * n)).tocsc()
    couplings = couplings + couplings.T
    return scipy.sparse.diags_array(couplings.sum(axis=0), format="csc") - couplings


def peer_conservative(permeability: Field, source: Field) -> Field:
    """Pressure of the finite-volume equations by spsolve, one node held at zero."""
    matrix = volume_matrix(permeability)[:-1, :-1]
    load = (source * volumes(len(source))).ravel()[:-1]
    return without_mean(np.append(spsolve(matrix, load), 0.0).reshape(source.shape))


def peer_jacobsen(permeability: Field, source: Field) -> Field:
    """Least-squares pressure of the difference equations by spsolve: left null vector, then pressure."""
    matrix, f = FiniteDifferences(permeability, source).matrix, source.ravel()
    inner = matrix[:-1, :-1]
    null = np.append(spsolve(inner.T.tocsc(), -matrix[[-1], :-1].toarray()[0]), 1.0)
    compatible = f - null * (null @ f) / (null @ null)
    return without_mean(np.append(spsolve(inner, compatible[:-1]), 0.0).reshape(source.shape))


def ours(scheme: str, permeability: Field, source: Field) -> Field:
    """Pressure by the simulator's own scheme."""
    return SCHEMES[scheme](permeability, source).pressure()


PEERS = {"conservative": peer_conservative, "jacobsen": peer_jacobsen}


def time_rows(scheme: str, modes: int, blocks: int) -> dict[str, object]:
    """Median CPU milliseconds of whole rows, of our solve and of the peer's, over the same fields in turn."""
    simulator = Darcy(modes=modes, scheme=scheme)
    simulator.simulate(np.zeros((2, modes)), RowStreams(0, 0, 2))
    whole, solved, spsolved, apart = [], [], [], []
    for streams in (RowStreams(0, BLOCK * i, BLOCK) for i in range(blocks)):
        factors = simulator.draw(streams)
        whole.append(cpu(simulator.simulate, factors, streams)[0] / BLOCK)
        for k in map(simulator.permeability, factors):
            our_time, pressure = cpu(ours, scheme, k, simulator.source)
            their_time, peer = cpu(PEERS[scheme], k, simulator.source)
            solved.append(our_time)
            spsolved.append(their_time)
            apart.append(float(np.linalg.norm(pressure - peer) / np.linalg.norm(peer)))
    return {
        "scheme": scheme,
        "modes": modes,
        "row_ms": statistics.median(whole),
        "row_target_ms": TARGETS[scheme, modes],
        "solve_ms": statistics.median(solved),
        "spsolve_ms": statistics.median(spsolved),
        "ratio": statistics.median(spsolved) / statistics.median(solved),
        "largest_difference": max(apart),
    }


def time_modes() -> dict[str, object]:
    """CPU seconds of the leading modes on 65 x 65 nodes, not yet computed in this process, and by eigsh."""
    our_time, found = cpu(karhunen_loeve, KLE_MODES, 65, 0.1, "none")
    their_time, wanted = cpu(dense_eigenvalues)
    return {
        "kle_modes": KLE_MODES,
        "kle_s": our_time / 1e3,
        "kle_target_s": KLE_TARGET,
        "eigsh_s": their_time / 1e3,
        "ratio": their_time / our_time,
        "largest_difference": float(abs(found.eigenvalues / wanted - 1).max()),
    }


def dense_eigenvalues() -> Field:
    """Leading eigenvalues of the whole covariance matrix."""
    x = np.stack(np.meshgrid(nodes(65), nodes(65), indexing="ij"), axis=-1).reshape(-1, 2)
    distance = np.hypot(x[:, :1] - x[:, 0], x[:, 1:] - x[:, 1])
    start = np.random.default_rng(0).standard_normal(len(x))
    return np.sort(eigsh(np.exp(-distance / 0.1) / len(x), k=KLE_MODES, v0=start)[0])[::-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=5, help=f"blocks of {BLOCK} rows for each line of the table")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    wanted = parser.parse_args()
    with threadpool_limits(1):
        rows = [time_rows(scheme, modes, wanted.blocks) for scheme, modes in TARGETS]
        expansion = time_modes()
    if wanted.json:
        print(json.dumps({"rows": rows, "expansion": expansion}, indent=2))
    else:
        print(table(rows, expansion))


def table(rows: list[dict[str, object]], expansion: dict[str, object]) -> str:
    """The results as text."""
    line = "{scheme:<13} {modes:>5} {row_ms:>7.2f} {row_target_ms:>9.0f} {solve_ms:>9.2f} {spsolve_ms:>11.2f}"
    lines = ["scheme        modes  row ms  (target)  solve ms  spsolve ms  ratio  largest difference"]
    lines += [(line + " {ratio:>6.1f}  {largest_difference:.1e}").format(**row) for row in rows]
    below = "{kle_modes} modes: {kle_s:.2f} s (target {kle_target_s:.0f}), eigsh {eigsh_s:.2f} s, ratio {ratio:.1f}"
    return "\n".join([*lines, "", (below + ", largest difference {largest_difference:.1e}").format(**expansion)])


if __name__ == "__main__":
    main()
