"""What every test process does: one thread each, and property tests that take the same few examples every time."""

import gc
import os
import signal
import sys
import warnings

import pytest
from hypothesis import given, settings
from hypothesis.internal.conjecture import providers
from hypothesis.strategies import just

# Imports, figures and trainings make so many objects that the garbage collector would begin every few milliseconds.
gc.set_threshold(1_000_000, 10, 100)
# Kept, the compiled tests and package spare every process that begins here, and the next run, seconds of compiling.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"
os.environ.setdefault("MPLBACKEND", "agg")

from collections.abc import Iterator  # noqa: E402
from concurrent.futures import Executor, Future  # noqa: E402
from contextlib import contextmanager  # noqa: E402
from functools import lru_cache  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from empty_figures import empty_figures  # noqa: E402

settings.register_profile("beable", derandomize=True, deadline=None, max_examples=30)
settings.load_profile("beable")
# or examples would hold numbers from the sources of all that was imported before, which take seconds to parse
providers._get_local_constants = lambda: providers._local_constants


class Here(Executor):
    """Stands for a pool of processes, which take seconds to begin: everything is done at once, in this one."""

    def submit(self, function, /, *words, **more):
        future: Future[Any] = Future()
        try:
            future.set_result(function(*words, **more))
        except Exception as error:
            future.set_exception(error)
        return future


@contextmanager
def pool_here(workers=None, *, initializer=None, initargs=(), executor=None) -> Iterator[Here]:
    if initializer:
        initializer(*initargs)
    yield Here()


@pytest.fixture(scope="module")
def here():
    """Studies are computed in this process."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("beable.studies.run.pool", pool_here)
        yield


@pytest.fixture(scope="module")
def few_draws():
    """Chance levels, scores and starts of few draws, tries and steps: what they are worth is tested where they are."""
    from beable.training import start  # here: it takes seconds that most tests need not

    several = start.independent_turn

    def once(white, rng, tries=1, steps=50, tolerance=1e-3):
        return several(white, rng, 1, min(steps, 50), max(tolerance, 1e-3))

    with pytest.MonkeyPatch.context() as patched:
        for module in ("training.start", "analysis.axes", "analysis.support_axes"):
            patched.setattr(f"beable.{module}.independent_turn", once)
        patched.setattr("beable.analysis.score_table.DRAWS", 2)
        patched.setattr("beable.analysis.score_table.EXPENSIVE", {"s_kl": (1, 2), "dci": (1, 2)})
        for module in ("analysis.evaluation", "systems.darcy.parts.latents", "systems.darcy.parts.rows"):
            patched.setattr(f"beable.{module}.ROTATIONS", 20)
        yield


@pytest.fixture(autouse=True)
def formulas():
    """Formulas of labels are parsed once a process: Matplotlib remembers fifty, which a page of figures drives out."""
    parser = getattr(sys.modules.get("matplotlib.mathtext"), "MathTextParser", None)
    if parser and parser._parse_cached.cache_parameters()["maxsize"]:
        parser._parse_cached = lru_cache(None)(parser._parse_cached.__wrapped__)
        # every drawing has a parser of its own, and would remember by itself
        parser.__eq__ = lambda self, other: self._output_type == other._output_type
        parser.__hash__ = lambda self: hash(self._output_type)


@pytest.fixture(scope="session", autouse=True)
def assembled():
    """The options of a verb, which take longer to assemble than most calls take, are assembled once and then copied."""
    from cyclopts import App

    assemble, known = App.assemble_argument_collection, {}

    def once(app, *, parse_docstring=False):
        above = [above for frame in app.app_stack.stack for above in frame]
        key = (parse_docstring, id(app), *map(id, above))
        if key not in known:
            known[key] = app, above, assemble(app, parse_docstring=parse_docstring)
        return known[key][-1].copy(reset_tokens=True)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(App, "assemble_argument_collection", once)
        yield


@pytest.fixture
def blank(monkeypatch):
    """Pages with blank pictures: how figures are drawn is tested where they are."""
    from beable.report import html, pictures  # here: it takes a second that most tests need not

    monkeypatch.setattr(html, "picture", lambda figure, name: pictures.Picture("<svg></svg>", 1, 1))


@pytest.fixture
def undrawn(blank):
    """Pages whose figures are empty, where what a page says matters and not what it draws."""
    with empty_figures():
        yield


STUDIES = Path(__file__).with_name("studies")


@pytest.fixture(scope="session")
def small_darcy():
    """A study with all kinds of arms, much too small to find anything, as text."""
    return (STUDIES / "small-darcy.toml").read_text()


@pytest.fixture(scope="session")
def small_fluid():
    """A study of two questions and three data sets, as text."""
    return (STUDIES / "small-fluid.toml").read_text()


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """Every other process reads the files from the last on: what one has compiled, the next one finds on disk."""
    report = yield
    if int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 2 and isinstance(collector, pytest.Dir):
        report.result.reverse()
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.parts)


def pytest_collection_finish():
    """What was imported stays: the garbage collector, which would look through it again and again, leaves it out."""
    gc.freeze()
    given(just(None))(lambda _: None)()  # at its first example Hypothesis looks through all objects: now they are few


def pytest_sessionfinish():
    """Once is enough: pytest collects five times at its end, of all that a process has left."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def unsynced():
    """Nothing that this process writes is really synced: no test cuts the power, and syncing takes minutes in all."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(autouse=True)
def process():
    """What a command line sets for its whole process is set back."""
    handlers = {signum: signal.getsignal(signum) for signum in (signal.SIGTERM, signal.SIGHUP)}
    form = warnings.formatwarning
    yield
    for signum, handler in handlers.items():
        signal.signal(signum, handler)
    warnings.formatwarning = form
