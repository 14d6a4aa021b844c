"""A dask cluster in place of processes: the same bytes, whatever is killed, and a line where someone must act."""

import pickle
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tiny_study

from beable import cluster
from beable.datasets.generate import Job, generate, plan_of
from beable.datasets.store import Blocks
from beable.design.calls import Task, calling
from beable.design.outcomes import Outcome, Target
from beable.errors import UsageError
from beable.studies.run import run_study
from beable.studies.study import parse
from beable.systems.darcy.simulator import Darcy
from beable.workers import WorkerDiedError

sys.path.insert(0, str(Path(__file__).parent / "programs"))  # workers import what they do by name

import pools
from waves import Waves

ROWS, BLOCK, SOON = 42, 4, 60.0


def tree(path, without=()):
    """Names and contents of everything in a folder, the lock and some names apart."""
    found = (p for p in sorted(path.rglob("*")) if p.is_file() and p.name != ".lock")
    return {p.relative_to(path).as_posix(): p.read_bytes() for p in found if p.name not in without}


def waves(path, simulator=None, **options):
    return generate(simulator or Waves(), path, ROWS, **({"workers": 1, "block": BLOCK} | options))


# Without a cluster


def test_without_an_address_the_place_is_this_machine():
    with cluster.dask(None, 3) as place:
        assert place._asdict() == {"workers": 3, "executor": None}


def test_dask_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"pip install 'beable\[dask\]'"), cluster.dask("tcp://here:1"):
        pass


def test_waiting_for_workers_is_said_soon_and_then_once_a_minute():
    lines, now = [], [0.0]
    said = cluster.Waiting("tcp://here:1", clock=lambda: now[0], say=lines.append)
    counts = []
    for second in range(0, 200, 2):
        now[0] = float(second)
        said(0 if second < 180 else 2, busy=second >= 20)
        counts.append(len(lines))
    assert counts[:13] == [0] * 13
    assert lines[0].startswith(
        "no dask worker at tcp://here:1 for 6 s: waiting for one (start it with: dask worker tcp:"
    )
    assert [line.split(" for ")[1].split(":")[0] for line in lines[:-1]] == ["6 s", "66 s", "126 s"]
    assert lines[-1] == "2 dask workers at tcp://here:1: going on"


def test_nothing_is_said_without_work_or_with_workers():
    lines, now = [], [0.0]
    said = cluster.Waiting("a", clock=lambda: now[0], say=lines.append)
    for now[0] in range(0, 300, 2):
        said(0, busy=False)
        said(1, busy=True)
    assert lines == []


def test_other_versions_in_a_worker_are_refused():
    asked = cluster.versions() | {"numpy": "1.0"}
    with pytest.raises(UsageError, match=rf"a dask worker has numpy {np.__version__}, this process has 1\.0: install"):
        cluster._with_one_thread(asked, abs, (-1,), {})
    assert cluster._with_one_thread(cluster.versions(), abs, (-1,), {}) == 1


def test_what_is_sent_holds_names_settings_and_paths_but_no_numbers(tmp_path):
    """The grid makes no difference; an array, the twin, is seen."""
    plans = [plan_of(Darcy(grid=grid), 1000) for grid in (9, 17)]
    sent = [pickle.dumps(Job(Darcy(), 0, Blocks.of(tmp_path, plan)).make) for plan in plans]
    assert abs(len(sent[0]) - len(sent[1])) < 20
    assert not any(b"ndarray" in words or b"_reconstruct" in words for words in sent)
    assert b"_reconstruct" in pickle.dumps(plans[0].constants) or b"numpy" in pickle.dumps(plans[0].constants)
    assert b"numpy" not in sent[0]


def test_nobody_is_refused_outside_a_worker():
    cluster.refuse_unwanted()


class Far:
    """Work that is done, and whose result comes the second time, if at all."""

    status = "finished"

    def __init__(self, answers, work, hold):
        self.answers, self.work, self.hold, self.cancelled = answers, work, hold, False

    def add_done_callback(self, function):
        self.hold(partial(function, self))

    def result(self, timeout):
        assert timeout < 60
        if self.answers.pop(0) is None:
            raise TimeoutError
        _, function, words, more = self.work
        return function(*words, **more)

    def cancel(self):
        self.cancelled = True


class Client:
    """Stands for one of dask; answers say which results come, in order."""

    status = "running"

    def __init__(self, answers):
        self.answers, self.asked = answers, []
        self.hold = lambda settle: settle()

    def submit(self, _, *work, pure):
        self.asked.append(Far(self.answers, work, self.hold))
        return self.asked[-1]


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_work_is_asked_for_again_where_its_result_does_not_come(lost):
    client = Client([None] * lost + [True])
    with cluster.Cluster(client, "tcp://here:1") as executor:
        assert executor.submit(abs, -3).result(5) == 3
    assert [far.cancelled for far in client.asked] == [True] * lost + [False]


def test_work_whose_result_never_comes_is_given_up():
    client = Client([None] * 9)
    with cluster.Cluster(client, "tcp://here:1") as executor:
        future = executor.submit(abs, -3)
        with pytest.raises(WorkerDiedError, match="work at tcp://here:1 was done 3 times and its result never came"):
            future.result(5)
    assert len(client.asked) == 3
    assert all(far.cancelled for far in client.asked)


def test_work_that_cannot_be_asked_for_again_ends_with_the_reason():
    client = Client([])
    client.answers = Breaking(client)
    with cluster.Cluster(client, "tcp://here:1") as executor:
        future = executor.submit(abs, -3)
        with pytest.raises(cluster.SchedulerLostError, match="has gone"):
            future.result(5)
    assert len(client.asked) == 1


def test_a_client_that_is_left_is_asked_for_nothing():
    client, settled = Client([True]), []
    client.hold = settled.append
    with cluster.Cluster(client, "tcp://here:1") as executor:
        future = executor.submit(abs, -3)
    settled[0]()
    assert client.answers == [True]
    assert not future.done()


class Breaking:
    """Loses a result together with the connection."""

    def __init__(self, client):
        self.client = client

    def pop(self, _):
        self.client.status = "closed"


# With one: a scheduler and workers over TCP

pytest.importorskip("distributed")

import nodes  # noqa: E402
from forked import Forked  # noqa: E402


class Nodes:
    """A scheduler with workers, each a process of its own.

    Args:
        begin: begins one, and gives its process and its address.
        workers: how many.
    """

    def __init__(self, begin: Callable[..., tuple[Forked, str]], workers: int) -> None:
        self.begin = begin
        self.scheduler, self.address = begin("scheduler")
        self.workers = [begin("worker", self.address)[0] for _ in range(workers)]

    def begin_late(self, file: Path) -> None:
        """A worker that begins when a file is there."""
        self.begin("late", self.address, str(file))


def kill(*processes: Forked) -> None:
    for process in processes:
        process.kill()


def gone(process: Forked) -> bool:
    """Whether a process has ended."""
    return process.poll() is not None


#: nodes that wait look at themselves seldom
QUIET = {
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "60s",
    "distributed.worker.profile.enabled": False,
}
#: clusters of this file by name, with their workers; those of the slow tests apart
FAST = {"several": 2, "one": 2, "scheduler": 1}
SLOW = {
    "all": 3,
    "given up": 3,
    "workers, first": 3,
    "workers, second": 3,
    "scheduler, first": 3,
    "scheduler, second": 3,
}


@pytest.fixture(scope="module")
def clusters(request, tmp_path_factory):
    """All of them, forked from this process before it has a client; work that ends its worker has one more trial."""
    slow = any(item.get_closest_marker("slow") and item.path == request.path for item in request.session.items)
    configuration = QUIET | {"distributed.scheduler.allowed-failures": 1}
    said, begun = tmp_path_factory.mktemp("nodes") / "said", []

    def begin(*words: str) -> tuple[Forked, str]:
        begun.append(Forked(nodes.become, str(said), configuration, *words))
        address = begun[-1].stdout.readline().strip()
        assert address, said.read_text()
        return begun[-1], address

    try:
        made = {name: Nodes(begin, workers) for name, workers in (FAST | (SLOW if slow else {})).items()}
        if slow:
            made["all"].begin_late(tmp_path_factory.getbasetemp() / "begin")
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("beable.studies.part.parts_of", lambda system: tiny_study.PARTS)
            yield made
    finally:
        kill(*begun)
        for process in begun:
            with process:
                pass


@pytest.fixture
def several(clusters):
    """A scheduler and two workers."""
    return clusters["several"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return waves(tmp_path_factory.mktemp("whole") / "waves.zarr")


@pytest.fixture
def soon(monkeypatch):
    """Looks at the cluster come quickly."""
    monkeypatch.setattr(cluster, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(cluster, "PATIENCE", 0.3)


def test_a_data_set_has_the_same_bytes(several, whole, tmp_path):
    with cluster.dask(several.address) as place:
        assert place.workers == 2
        assert tree(waves(tmp_path / "waves.zarr", **place._asdict()).path) == tree(whole.path)


LASTING = ("manifest.json", "run.json", "results.json", "pages.json")


def test_a_study_has_the_same_bytes(several, tmp_path):
    """Its data, its arms and its answers, all made in other processes."""
    study, stores = parse(tiny_study.STUDY, "tiny"), []
    with cluster.dask(several.address) as place, ThreadPoolExecutor(1) as here:
        for name, options in {"far": place._asdict(), "near": {"executor": here}}.items():
            done = run_study(study, "quick", tmp_path / name, **options)
            stores.append((done.store.id, {arm: run.id for arm, run in done.runs.items()}))
            assert done.results["parts"]["rows"]["rows"] == 12
    assert stores[0] == stores[1]
    assert tree(tmp_path / "far", LASTING) == tree(tmp_path / "near", LASTING)


def test_simulations_of_a_search_have_the_same_numbers(several):
    darcy = Darcy(grid=9)
    target = Target.around(Outcome.of(darcy, "pressure.max"), 0.3, 0.01)
    tasks = [Task(i, np.array([0.3 * i, -0.1]), i, 0, target) for i in range(6)]
    found = []
    with cluster.dask(several.address) as place:
        for where in (place._asdict(), {"workers": 1}):
            with calling(darcy, **where) as make:
                found.append({call: [*answer.parts, *answer.error.ravel()] for call, answer in make(tasks)})
    assert found[0] == found[1]
    assert len(found[0]) == 6


def test_an_error_of_the_work_comes_through(several, tmp_path):
    with cluster.dask(several.address) as place, pytest.raises(ArithmeticError, match="row 21"):
        waves(tmp_path / "waves.zarr", Waves(breaking=(21,)), **place._asdict())


def once(at_row, act):
    """A callback for progress that acts once, when so many rows are done."""
    acted = []

    def progress(done, total):
        if done >= at_row and not acted:
            acted.append(done)
            act()

    return progress


@pytest.mark.usefixtures("soon")
def test_a_worker_is_killed_and_the_others_go_on(clusters, whole, tmp_path):
    made = clusters["one"]
    with cluster.dask(made.address) as place:
        killing = once(8, lambda: kill(made.workers[0]))
        found = waves(tmp_path / "waves.zarr", Waves(pause=0.01), progress=killing, **place._asdict())
    assert [gone(worker) for worker in made.workers] == [True, False]
    assert tree(found.path) == tree(whole.path)


@pytest.mark.usefixtures("soon")
@pytest.mark.slow
def test_all_workers_are_killed_and_one_that_comes_goes_on(clusters, whole, tmp_path, tmp_path_factory, monkeypatch):
    """The line that says so is what makes another one begin."""
    made, lines, file = clusters["all"], [], tmp_path_factory.getbasetemp() / "begin"
    monkeypatch.setattr(cluster, "_say", lambda words: (lines.append(words), file.touch()))
    with cluster.dask(made.address) as place:
        killing = once(8, lambda: kill(*made.workers))
        found = waves(tmp_path / "waves.zarr", Waves(pause=0.01), progress=killing, **place._asdict())
    assert tree(found.path) == tree(whole.path)
    assert [line.split(" at ")[0] for line in lines] == ["no dask worker", "1 dask worker"]
    assert all("\n" not in line for line in lines)


@pytest.mark.usefixtures("soon")
def test_the_scheduler_is_killed_and_the_same_call_goes_on(clusters, whole, tmp_path, capfd):
    path, made = tmp_path / "waves.zarr", clusters["scheduler"]
    killing = once(8, lambda: kill(made.scheduler))
    with pytest.raises(cluster.SchedulerLostError) as caught, cluster.dask(made.address) as place:
        waves(path, Waves(pause=0.05), progress=killing, **place._asdict())
    assert caught.value.exit_code == 75
    assert f"the dask scheduler at {made.address} has gone: what is done is kept; start it" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""
    assert 0 < len(list(path.glob("done/[0-9]*.json"))) < 11
    assert tree(waves(path).path) == tree(whole.path)


@pytest.mark.usefixtures("soon")
@pytest.mark.slow
def test_work_that_ends_its_workers_is_given_up(clusters, whole, tmp_path):
    path, made = tmp_path / "waves.zarr", clusters["given up"]
    with cluster.dask(made.address) as place, pytest.raises(WorkerDiedError, match="the same work ended one worker"):
        waves(path, Waves(killing=(17,)), **place._asdict())
    assert sum(map(gone, made.workers)) == 2
    assert tree(waves(path).path) == tree(whole.path)


def test_work_that_nobody_waits_for_is_left(several, tmp_path):
    """A client that leaves takes its work along: the worker is free for the next one."""
    with cluster.dask(several.address, 1) as place:
        futures = [place.executor.submit(pools.until_unwanted, str(tmp_path / str(i))) for i in range(2)]
        begun = [tmp_path / str(i) for i in range(2)]
        wait_for(lambda: all(file.exists() for file in begun))
        assert not any(future.done() for future in futures)
    wait_for(lambda: not any(file.exists() for file in begun))


def wait_for(true):
    end = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_an_address_without_a_scheduler_is_one_line(monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 0.1)
    with (
        pytest.raises(UsageError, match=r"no dask scheduler at tcp://127\.0\.0\.1:1 \(.*\): give an address") as caught,
        cluster.dask("tcp://127.0.0.1:1"),
    ):
        pass
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("address", ["nowhere", "tcp://here", "http://here:1", "tcp://here:1/a b", "", "tcp://[::1]"])
def test_what_is_no_address_is_refused_before_a_client_is_begun(address, monkeypatch):
    monkeypatch.setattr("distributed.Client", None)
    with pytest.raises(UsageError, match="is no address of a dask scheduler"), cluster.dask(address):
        pass


def test_addresses_have_host_and_port():
    assert all(map(cluster.ADDRESS.fullmatch, ["tcp://10.0.0.1:8786", "tls://[::1]:8786", "node-7.site:1"]))


@pytest.mark.slow
@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("who", ["workers", "scheduler"])
def test_a_study_whose_arms_are_killed_ends_with_the_same_bytes(clusters, who, tmp_path):
    """Two of three workers while both arms are trained, or the scheduler; a second cluster goes on after that."""
    study = parse(tiny_study.STUDY.replace("steps = 4", "steps = 3000"), "tiny")
    far, near = tmp_path / "far", tmp_path / "near"
    first, second = (clusters[f"{who}, {which}"] for which in ("first", "second"))
    nodes_of = {"workers": first.workers[:2], "scheduler": [first.scheduler]}[who]
    killer = threading.Thread(target=lambda: (wait_for(lambda: both_begun(far)), kill(*nodes_of)))
    killer.start()
    with suppress(cluster.SchedulerLostError), cluster.dask(first.address) as place:
        run_study(study, "quick", far, **place._asdict())
    killer.join()
    with cluster.dask(second.address) as place:
        done = run_study(study, "quick", far, **place._asdict())
    with ThreadPoolExecutor(1) as here:
        whole = run_study(study, "quick", near, executor=here)
    assert {arm: run.id for arm, run in done.runs.items()} == {arm: run.id for arm, run in whole.runs.items()}
    assert tree(far, LASTING) == tree(near, LASTING)


def both_begun(out):
    return all((out / "runs" / arm / "request.json").exists() for arm in "ab")
