"""A scheduler or a worker of dask in a process of its own, with one thread and without a nanny.

usage: nodes.py CONFIGURATION as JSON

Every line of standard input asks for one: scheduler PORT | worker ADDRESS | late ADDRESS FILE. It is forked from this
process, which has no threads and no past, and the answer is a line with its number and its address. Port 0 is any that
is free; a late worker, which has no address yet, begins when the file is there. All end with this process.
"""

import asyncio
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import dask
import tiny_study
from distributed import Scheduler, Worker


async def scheduler(port: str) -> None:
    async with Scheduler(protocol="tcp", host="127.0.0.1", port=int(port), dashboard=False) as node:
        print(os.getpid(), node.address, flush=True)
        await node.finished()


async def worker(address: str) -> None:
    async with Worker(address, nthreads=1, dashboard=False, death_timeout=30) as node:
        print(os.getpid(), node.address, flush=True)
        await node.finished()


async def late(address: str, file: str) -> None:
    print(os.getpid(), "-", flush=True)
    while not Path(file).exists():
        time.sleep(0.02)
    await worker(address)


def end_with(parent: int) -> None:
    """End when the process that began this one does, however it ends."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def become(kind: str, *words: str) -> None:
    """What a forked process does; it never returns."""
    try:
        threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
        asyncio.run({"scheduler": scheduler, "worker": worker, "late": late}[kind](*words))
    finally:
        os._exit(1)


def main(configuration: str) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who is killed is gone at once
    tiny_study.use_parts()
    with dask.config.set(json.loads(configuration)):
        for line in sys.stdin:
            if not os.fork():
                become(*line.split())


if __name__ == "__main__":
    main(sys.argv[1])
