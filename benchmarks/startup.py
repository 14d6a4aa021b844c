"""What it costs to begin: CPU seconds of fresh interpreters, medians.

usage: python benchmarks/startup.py [--json] [--repeats 7]

Targets: ``import beable`` at most 1.5 times ``import torch``; ``beable --help`` at most 0.3 s. Since `beable` imports a
name when it is first used, the cost of ``beable.train`` and all it needs stands beside them.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys

BEGINNINGS = {
    "python": ["-c", "pass"],
    "import torch": ["-c", "import torch"],
    "import beable": ["-c", "import beable"],
    "import beable; beable.train": ["-c", "import beable; beable.train"],
    "beable --help": ["-m", "beable", "--help"],
    "beable data info --help": ["-m", "beable", "data", "info", "--help"],
}


def cpu(words):
    """CPU seconds, user and system, of one interpreter."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    seconds = {
        name: statistics.median(cpu(words) for _ in range(options.repeats)) for name, words in BEGINNINGS.items()
    }
    ratio = seconds["import beable"] / seconds["import torch"]
    met = {"import": ratio <= 1.5, "help": seconds["beable --help"] <= 0.3}
    if options.json:
        print(json.dumps({"cpu_seconds": seconds, "import_beable_over_torch": ratio, "met": met}))
    else:
        for name, cost in seconds.items():
            print(f"{name:30} {cost:6.3f} s")
        print(f"import beable / import torch: {ratio:.3f}; targets met: {met}")


if __name__ == "__main__":
    main()
