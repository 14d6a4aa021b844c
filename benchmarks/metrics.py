"""CPU seconds of the metrics, and the ceiling and chance level of each by number of rows.

    python benchmarks/metrics.py [--levels] [--json]

One thread, best of three. The peer's discriminating value, for DCI of 1,000 rows with 10 factors of 10 labels, is
11.5 CPU seconds. ``--levels`` adds the table of ceilings and chance levels, for two and five independent Gaussian
factors, and takes some minutes.
"""

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from beable.metrics import METRICS, dci, score_in_context
from beable.metrics.information import mi_binned, mi_knn

Array = np.ndarray
LEVEL_ROWS = {2: (64, 256, 1024), 5: (256, 1024)}
SLOW_DRAWS = {"s_kl": 4, "dci": 10}


def cpu(task: Callable[[], object]) -> float:
    """CPU seconds of a task, the best of three."""
    return min(_once(task) for _ in range(3))


def _once(task: Callable[[], object]) -> float:
    start = time.process_time()
    task()
    return time.process_time() - start


def labels(rows: int) -> Array:
    return np.random.default_rng(0).integers(1, 11, size=(rows, 10))


def gaussian(rows: int, columns: int = 10) -> Array:
    return np.random.default_rng(0).normal(size=(rows, columns))


def timings() -> list[dict[str, object]]:
    """Every task with a target, measured."""
    one, ten, normal = labels(1000), labels(10_000), gaussian(10_000)
    mixed = normal @ np.random.default_rng(1).normal(size=(10, 10))
    tasks: list[tuple[str, float, Callable[[], object]]] = [
        ("DCI, 1,000 rows, 10 factors of 10 labels", 2.0, lambda: dci(one, one)),
        ("DCI, 10,000 rows, 10 factors of 10 labels", 20.0, lambda: dci(ten, ten)),
        ("DCI, 10,000 rows, 10 continuous factors, mixed", 20.0, lambda: dci(mixed, normal)),
        ("KSG information 10 x 10, 10,000 rows", 10.0, lambda: mi_knn(mixed, normal)),
        ("binned information 10 x 10, 10,000 rows", 1.0, lambda: mi_binned(mixed, normal)),
    ]
    dci(one[:50], one[:50])  # imports scikit-learn
    found: list[dict[str, object]] = [
        {"task": task, "cpu_seconds": round(cpu(run), 3), "target": target} for task, target, run in tasks
    ]
    found[0]["score"] = dci(one, one).score
    return found


def costs() -> dict[str, float]:
    """CPU seconds of every metric for 1,000 rows, three mixed factors."""
    v = gaussian(1000, 3)
    z = v @ np.random.default_rng(1).normal(size=(3, 3))
    return {name: round(cpu(lambda metric=metric: metric(z, v)), 4) for name, metric in METRICS.items()}


def levels() -> list[dict[str, object]]:
    """Ceiling and both chance levels of every metric."""
    rows = []
    for factors, sizes in LEVEL_ROWS.items():
        for n in sizes:
            for name, metric in METRICS.items():
                if name == "s_kl" and factors > 2:
                    continue
                draws = SLOW_DRAWS.get(name, 40)
                v = gaussian(n, factors)
                found = score_in_context(metric, v, v, repeats=draws, rotations=draws)
                nulls = {"permutation": found.permutation.mean, "rotation": found.rotation.mean}
                rows.append({"metric": name, "factors": factors, "rows": n, "ceiling": found.ceiling, **nulls})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--levels", action="store_true", help="ceilings and chance levels too")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args()
    with threadpool_limits(1):
        found = {"timings": timings(), "costs": costs(), "levels": levels() if given.levels else []}
    if given.json:
        print(json.dumps(found, indent=1))
        return
    for row in found["timings"]:
        score = f"   score {row['score']:.3f}" if "score" in row else ""
        print(f"{row['task']:<50} {row['cpu_seconds']:8.3f} CPU-s   target {row['target']:4.0f}{score}")
    print()
    for name, seconds in found["costs"].items():
        print(f"{name:<24} {1e3 * seconds:9.1f} CPU-ms for 1,000 rows of three")
    for row in found["levels"]:
        print(
            f"{row['metric']:<24} {row['factors']} factors {row['rows']:5} rows   ceiling {row['ceiling']:7.3f}"
            f"   rotated {row['rotation']:7.3f}   shuffled {row['permutation']:7.3f}"
        )


if __name__ == "__main__":
    main()
