"""The verb doctor: what this installation and this machine offer, to be put into a report of trouble."""

import os
import platform
import shutil
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from beable.console.output import show
from beable.workers import THREAD_VARIABLES, cores

REQUIRED = (
    "beable",
    "torch",
    "numpy",
    "scipy",
    "scikit-learn",
    "matplotlib",
    "pydantic",
    "safetensors",
    "cyclopts",
)
OPTIONAL = ("xarray", "zarr", "h5py", "distributed", "dask-jobqueue")


def doctor(*, json: bool = False) -> None:
    """Show versions, threads, linear algebra, devices and disk; and what is likely to give trouble.

    Args:
        json: Print it as JSON.
    """
    findings = {
        "python": f"{platform.python_version()} at {sys.executable}",
        "system": platform.platform(),
        "versions": versions(),
        "threads": threads(),
        "linear algebra": linear_algebra(),
        "devices": devices(),
        "memory": memory(),
        "disk": disk(),
        "caches": caches(),
    }
    show({**findings, "trouble": trouble(findings)}, json=json)


def versions() -> dict[str, str | None]:
    """Installed versions; of what is optional only what is there."""
    found = {name: _version(name) for name in (*REQUIRED, *OPTIONAL)}
    return {name: number for name, number in found.items() if number or name in REQUIRED}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def threads() -> dict[str, Any]:
    """Cores this process may use, and the threads that libraries were told to take."""
    import torch

    return {
        "cores": cores(),
        "torch": torch.get_num_threads(),
        **{name: os.environ.get(name) for name in THREAD_VARIABLES},
    }


def linear_algebra() -> list[dict[str, Any]]:
    """The libraries behind NumPy, SciPy and PyTorch, with their threads."""
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_info

    return [
        {"library": about["internal_api"], "version": about["version"], "threads": about["num_threads"]}
        for about in threadpool_info()
    ]


def devices() -> dict[str, str]:
    """What PyTorch can compute on."""
    import torch

    found = {"cpu": platform.processor() or platform.machine()}
    for i in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(i)
        found[f"cuda:{i}"] = f"{about.name}, {about.total_memory / 2**30:.1f} GiB"
    if torch.backends.mps.is_available():
        found["mps"] = platform.machine()
    return found


def memory() -> dict[str, Any]:
    """Memory of the machine."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {"GiB": round(pages / 2**30, 1)}


def disk() -> dict[str, Any]:
    """Room, and the right to write, in this folder and where temporary files go."""
    return {name: _room(Path(path)) for name, path in (("here", Path.cwd()), ("temporary", tempfile.gettempdir()))}


def _room(path: Path) -> dict[str, Any]:
    free = shutil.disk_usage(path).free / 2**30
    return {"path": str(path), "free_GiB": round(free, 1), "writable": os.access(path, os.W_OK)}


def caches() -> dict[str, Any]:
    """Where matplotlib keeps its list of fonts."""
    import matplotlib

    path = Path(matplotlib.get_cachedir())
    return {"matplotlib": {"path": str(path), "writable": os.access(path, os.W_OK)}}


def trouble(findings: dict[str, Any]) -> list[str]:
    """What is likely to go wrong, each with what to do about it.

    Args:
        findings: as `doctor` shows them.
    """
    missing = [name for name, number in findings["versions"].items() if number is None]
    tight = [about["path"] for about in findings["disk"].values() if about["free_GiB"] < 1]
    locked = [about["path"] for about in findings["disk"].values() if not about["writable"]]
    busy = findings["threads"]["torch"] > findings["threads"]["cores"]
    return [
        *(f"{name} is not installed: pip install {name}" for name in missing),
        *(f"less than 1 GiB free in {path}: make room" for path in tight),
        *(f"no permission to write in {path}: choose another folder" for path in locked),
        *(["more threads than cores: set OMP_NUM_THREADS=1"] if busy else []),
    ]
