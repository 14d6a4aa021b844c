"""The pool of processes: order, threads, deaths, Ctrl-C, and no process that outlives its parent."""

import hashlib
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import active_children
from pathlib import Path
from threading import get_ident

import numpy as np  # noqa: F401  a library with threads
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import beable
from beable import workers
from beable.errors import BeableError, UsageError

sys.path.insert(0, str(Path(__file__).parent / "programs"))  # workers import what they do by name

import pools
from forked import Forked

LONG, SOON = 300.0, 30.0  # seconds; on an idle machine processes end within 0.1


def alive(pids):
    """Those of some processes that run, zombies apart."""
    states = subprocess.run(["ps", "-o", "pid=,stat=", "-p", ",".join(map(str, pids))], capture_output=True, text=True)
    return [int(pid) for pid, state in map(str.split, states.stdout.splitlines()) if not state.startswith("Z")]


def seconds_until_gone(pids):
    begun = time.monotonic()
    while alive(pids) and time.monotonic() < begun + SOON:
        time.sleep(0.02)
    return time.monotonic() - begun


def test_cores_are_counted_with_and_without_affinity(monkeypatch):
    assert 1 <= workers.cores() <= os.cpu_count()
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 5, 6}, raising=False)
    assert workers.cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    assert workers.cores() == os.cpu_count()
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert workers.cores() == 1


@pytest.mark.parametrize(
    ("word", "users"),
    [
        ("sched_getaffinity", {"workers.py"}),
        ("ProcessPoolExecutor", {"workers.py"}),
    ],
)
def test_cores_and_pools_are_the_business_of_one_file(word, users):
    source = Path(beable.__file__).parent
    assert {p.relative_to(source).as_posix() for p in source.rglob("*.py") if word in p.read_text()} <= users


@pytest.mark.parametrize("asked", [0, -2, 1.5, True, "2"])
def test_a_number_of_workers_is_a_whole_number(asked):
    with pytest.raises(UsageError, match=re.escape(f"at least 1, not {asked!r}")), workers.pool(asked):
        pass


def test_results_come_in_order_from_processes_of_one_thread():
    before = threads = pools.threads(0)
    with workers.pool(2, initializer=pools.begin, initargs=("n",)) as processes:
        assert list(processes.map(pools.tagged, range(20))) == [f"n{i}" for i in range(20)]
        threads = processes.submit(pools.threads, 0).result()
    assert threads == ["1"] * len(workers.THREAD_VARIABLES)
    assert pools.threads(0) == before


def test_libraries_compute_with_one_thread_as_long_as_they_are_told_to():
    def threads():
        return {about["num_threads"] for about in threadpool_info()}

    with threadpool_limits(2):
        with workers.one_thread():
            assert threads() == {1}
        assert 2 in threads()


def test_libraries_are_looked_up_again_only_after_an_import(monkeypatch):
    first, again = workers.one_thread()._controller, workers.one_thread()._controller
    monkeypatch.setitem(sys.modules, "a_library_with_threads", sys)
    assert again is first
    assert workers.one_thread()._controller is not first


def test_another_executor_is_initialised_and_not_ended():
    with ThreadPoolExecutor(1) as executor:
        with workers.pool(executor=executor, initializer=pools.begin, initargs=("t",)) as given:
            assert given is executor
        assert executor.submit(pools.tagged, 1).result() == "t1"
    pools.begin("")


def fail_beside_long_work(running):
    with workers.pool(2) as processes:
        running.append(processes.submit(pools.busy, LONG))
        assert isinstance(processes.submit(pools.busy, 0).result(), int)
        running.extend(p.pid for p in active_children())
        processes.submit(pools.fail, 3).result()


def test_an_error_comes_through_and_what_is_at_work_is_not_waited_for():
    running = []
    with pytest.raises(ArithmeticError, match="row 3"):
        fail_beside_long_work(running)
    assert running[0].done()
    assert len(running) == 3
    assert alive(running[1:]) == []


@pytest.mark.parametrize("status", [0, 1])
def test_a_worker_that_dies_is_one_line_with_what_to_do(status):
    with pytest.raises(BeableError) as caught, workers.pool(1) as processes:
        processes.submit(pools.die, status).result()
    assert isinstance(caught.value, workers.WorkerDiedError)
    assert "a worker ended before its work was done" in str(caught.value)
    assert "--workers 1" in str(caught.value)
    assert "\n" not in str(caught.value)


@contextmanager
def at_work(work="busy", size=LONG):
    """A program of two processes at work, and their numbers."""
    with Forked(pools.main, work, size) as process:
        pids = [int(word) for word in process.stdout.readline().split()]
        try:
            assert len(alive(pids)) == 2
            yield process, pids
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def test_ctrl_c_ends_all_at_once():
    with at_work() as (process, pids):
        os.killpg(process.pid, signal.SIGINT)
        assert seconds_until_gone(pids) < SOON
        said, complaints = process.communicate(timeout=SOON)
    assert (process.returncode, said, complaints) == (130, "left\n", "")


def test_workers_are_deaf_to_ctrl_c():
    with at_work() as (_, pids):
        for pid in pids:
            os.kill(pid, signal.SIGINT)
        time.sleep(0.1)
        assert sorted(alive(pids)) == sorted(pids)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_worker_outlives_its_parent(number):
    with at_work() as (process, pids):
        os.kill(process.pid, number)
        assert seconds_until_gone(pids) < SOON


def test_no_worker_outlives_its_parent_in_compiled_code():
    with at_work("hash", 2e9) as (process, pids):
        time.sleep(0.3)  # into it, which takes minutes
        process.kill()
        assert seconds_until_gone(pids) < SOON


# Compiled code


def endless(path, call):
    """A computation that takes hours, after it has said that it is under way."""
    path.touch()
    try:
        call(hashlib.pbkdf2_hmac, "sha256", b"", b"", 2**31 - 1)  # which holds no lock of Python and heeds no signal
    except KeyboardInterrupt:
        return 130
    return 0


@pytest.mark.parametrize(("call", "ends"), [(workers.interruptible, True), (lambda f, *words: f(*words), False)])
def test_a_request_to_end_is_met_while_compiled_code_runs(tmp_path, call, ends):
    begun = tmp_path / "begun"
    with Forked(endless, begun, call) as process:
        while not begun.exists():
            time.sleep(0.01)
        time.sleep(0.3)  # into it: before it, Python would heed the request
        process.send_signal(signal.SIGINT)
        if ends:
            assert process.wait(SOON) == 130
        else:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.5)


def test_an_error_of_compiled_code_is_its_own():
    with pytest.raises(ZeroDivisionError):
        workers.interruptible(divmod, 1, 0)
    assert workers.interruptible(get_ident) != get_ident() == workers.interruptible(get_ident, expected=0.01)
    assert ThreadPoolExecutor(1).submit(workers.interruptible, divmod, 7, 2).result() == (3, 1)
