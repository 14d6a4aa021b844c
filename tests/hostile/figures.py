"""The figures of the hostile corpus: code run, seconds of a processor, memory, surprises.

usage: OMP_NUM_THREADS=1 PYTHONPATH=src:tests/hostile python tests/hostile/figures.py [WORD]
With a word only the cases whose name holds it.
"""

import sys
import tempfile
from pathlib import Path

from sandbox import CASES, MOST_BYTES, MOST_SECONDS, faults, met, prepared, shared_artefacts


def main(word: str = "") -> int:
    prepared()
    chosen = [case for case in CASES if word in case.name]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        shared_artefacts(place)
        found = [(case, one) for case in chosen for one in met(case, place, place)]
        wrong = [line for case in chosen for line in faults(case, [one for c, one in found if c is case])]
    slowest = sorted(found, key=lambda item: -item[1].seconds)[:5]
    ended = [one for _, one in found if one.code is not None]
    print(f"{len(chosen)} cases, {len(found)} command lines")
    print(f"code run: {sum(bool(one.events) for one in ended)}")
    print(
        f"not ended: {len(found) - len(ended)}; over {MOST_SECONDS:g} s: {sum(o.seconds > MOST_SECONDS for o in ended)}"
    )
    print(f"over {MOST_BYTES / 1e9:g} GB: {sum(one.peak > MOST_BYTES for one in ended)}")
    print(f"unexpected: {sum(any('unexpected' in line for line in one.said) for one in ended)}")
    for case, one in slowest:
        print(f"{one.seconds:5.2f} s  {one.peak / 1e9:4.2f} GB  exit {one.code}  {case.name}: {one.line}")
    print("\n".join(wrong))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
