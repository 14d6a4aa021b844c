"""The command line with a simulator that takes a while to begin a block, so that it can be interrupted in time.

usage: pausing.py WORDS
"""

import sys
import time

from beable.commands import cli
from beable.systems.darcy.simulator import Darcy

SECONDS = 0.3


def main(words: list[str]) -> int:
    simulate = Darcy.simulate
    Darcy.simulate = lambda *about: (time.sleep(SECONDS), simulate(*about))[1]
    return cli.run(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
