"""A cheap simulator with faults to order, and a program that generates its data.

usage: waves.py PATH ROWS WORKERS [SETTINGS as JSON]
Exits as the command line would; prints one line about what went wrong.
"""

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from beable.datasets.generate import Interrupted, generate
from beable.errors import BeableError
from beable.settings import Number, SettingsModel
from beable.simulator import Factor, FloatArray, Simulator, Variable
from beable.streams import RowStreams

GRID = (6, 5)


class WaveSettings(SettingsModel):
    """What a record of waves holds: not their faults."""

    noise: Number = 0.1


class Waves(Simulator):
    """Two plane waves and noise on a small grid.

    Args:
        noise: its standard deviation.
        failing: rows that come out as NaN.
        breaking: rows at which the simulator raises.
        killing: rows at which the process is killed.
        mercy: file that a killing row leaves, and that spares it the next time.
        pause: seconds a row.
    """

    name = "waves"
    Settings = WaveSettings

    def __init__(
        self,
        noise: float = 0.1,
        failing: tuple[int, ...] = (),
        breaking: tuple[int, ...] = (),
        killing: tuple[int, ...] = (),
        mercy: str = "",
        pause: float = 0.0,
    ) -> None:
        super().__init__(noise=noise)
        self.noise, self.failing, self.breaking, self.killing = noise, failing, breaking, killing
        self.mercy, self.pause = mercy, pause

    def __reduce__(self) -> tuple[Any, ...]:
        """Faults go to other processes too."""
        return Waves, (self.noise, self.failing, self.breaking, self.killing, self.mercy, self.pause)

    @property
    def factors(self) -> tuple[Factor, ...]:
        return (Factor("height", "h", "m", 0, 1), Factor("phase", r"\varphi"))

    @property
    def variables(self) -> tuple[Variable, ...]:
        return (
            Variable("level", ("x", "y"), GRID, "m", "water level"),
            Variable("flow", ("component", "x", "y"), (2, *GRID), "m s-1", "flow", ("x", "y"), dtype="float64"),
            Variable("energy", (), (), "J"),
            Variable("defect", (), (), diagnostic=True, dtype="float64"),
        )

    @property
    def coordinates(self) -> Mapping[str, tuple[FloatArray, str]]:
        return {dim: (np.linspace(0, 1, n), "m") for dim, n in zip(("x", "y"), GRID, strict=True)}

    def constants(self) -> Mapping[str, FloatArray]:
        return {"depth": np.outer(*(np.linspace(1, 2, n) for n in GRID)), "gravity": np.array(9.81)}

    def draw(self, streams: RowStreams) -> FloatArray:
        return np.array([(rng.uniform(), rng.normal()) for rng in streams.generators("factors")])

    def simulate(self, values: FloatArray, streams: RowStreams) -> dict[str, FloatArray]:
        x, y = np.meshgrid(*(np.linspace(0, 1, n) for n in GRID), indexing="ij")
        noise = [self.noise * rng.normal(size=GRID) for rng in streams.generators("simulation")]
        level = np.array([h * np.sin(6 * x + y + p) + e for (h, p), e in zip(values, noise, strict=True)])
        for i in range(len(values)):
            self._meet(streams.start + i, level[i])
        flow = np.stack([np.gradient(level, axis=1), np.gradient(level, axis=2)], axis=1)
        return {"level": level, "flow": flow, "energy": np.square(level).sum((1, 2)), "defect": level.std((1, 2))}

    def _meet(self, row: int, level: FloatArray) -> None:
        time.sleep(self.pause)
        if row in self.breaking:
            raise ArithmeticError(f"row {row}")
        if row in self.killing and not (self.mercy and Path(self.mercy).exists()):
            if self.mercy:
                Path(self.mercy).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if row in self.failing:
            level[0, 0] = np.nan


def main(path: str, rows: str, workers: str, settings: str = "{}") -> int:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell may have taken away
    about: dict[str, Any] = json.loads(settings)
    largest, block = about.pop("largest_file", None), about.pop("block", 4)
    if largest is not None:
        sys.dont_write_bytecode = True  # the interpreter would leave compiled files cut off at that size
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    try:
        generate(Waves(**about), path, int(rows), workers=int(workers), block=block)
    except BeableError as error:
        print(error)
        return error.exit_code
    except Interrupted as error:
        print(error)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
