"""A scheduler or a worker of dask in a process of its own, with one thread and without a nanny.

usage: nodes.py scheduler PORT | worker ADDRESS | late ADDRESS FILE
Prints its address when it is ready. Port 0 is any that is free; a late worker begins when the file is there.
"""

import asyncio
import os
import sys
import threading
import time
from pathlib import Path

from distributed import Scheduler, Worker


async def scheduler(port: str) -> None:
    async with Scheduler(protocol="tcp", host="127.0.0.1", port=int(port), dashboard=False) as node:
        print(node.address, flush=True)
        await node.finished()


async def worker(address: str) -> None:
    async with Worker(address, nthreads=1, dashboard=False, death_timeout=30) as node:
        print(node.address, flush=True)
        await node.finished()


async def late(address: str, file: str) -> None:
    while not Path(file).exists():
        time.sleep(0.02)
    await worker(address)


def end_with(parent: int) -> None:
    """End when the process that began this one does, however it ends."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def main(kind: str, *words: str) -> int:
    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    asyncio.run({"scheduler": scheduler, "worker": worker, "late": late}[kind](*words))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
