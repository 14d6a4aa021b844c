"""A scheduler or a worker of dask, with one thread and without a nanny, for a process that was forked for it."""

import asyncio
import os
import threading
import time
from pathlib import Path
from typing import Any

import dask
import tiny_study
from distributed import Scheduler, Worker


async def scheduler() -> None:
    async with Scheduler(protocol="tcp", host="127.0.0.1", port=0, dashboard=False) as node:
        print(node.address, flush=True)
        await node.finished()


async def worker(address: str) -> None:
    async with Worker(address, nthreads=1, dashboard=False, death_timeout=30) as node:
        print(node.address, flush=True)
        await node.finished()


async def late(address: str, file: str) -> None:
    """A worker that begins when a file is there; it has no address yet."""
    print("-", flush=True)
    while not Path(file).exists():
        time.sleep(0.02)
    await worker(address)


def end_with(parent: int) -> None:
    """End when the process that began this one does, however it ends."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def become(errors: str, configuration: dict[str, Any], kind: str, *words: str) -> int:
    """Print the node's address when it is there, and be it; what it complains of goes to a file."""
    os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    tiny_study.use_parts()
    with dask.config.set(configuration):
        asyncio.run({"scheduler": scheduler, "worker": worker, "late": late}[kind](*words))
    return 1
