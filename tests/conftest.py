"""What every test process does: one thread each, and property tests that take the same few examples every time."""

import os

from hypothesis import settings

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"
os.environ.setdefault("MPLBACKEND", "agg")

settings.register_profile("beable", derandomize=True, deadline=None, max_examples=30)
settings.load_profile("beable")
