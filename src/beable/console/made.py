"""How something was made: the command as it was typed, the day, and the kind of machine, for pages and records."""

import os
import platform
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path


def command_line() -> str:
    """The command of this process as it was typed; empty where it is not one of beable's.

    Processes that it began have the same one.
    """
    program, words = Path(sys.argv[0]), sys.argv[1:]
    ours = program.name == "beable" or program.parts[-2:] == ("beable", "__main__.py")
    return shlex.join(["beable", *words]) if ours else ""


def made() -> dict[str, str]:
    """Command, day (UTC) and machine of this process.

    >>> sorted(made())
    ['command', 'date', 'machine']
    """
    return {"command": command_line(), "date": f"{datetime.now(UTC):%Y-%m-%d}", "machine": machine()}


def machine() -> str:
    """The kind of machine, without its name: system, processor, number of cores."""
    cores = os.cpu_count() or 1
    return f"{platform.system()}, {processor()}, {cores} core{'s' if cores > 1 else ''}"


def processor() -> str:
    """What the system calls the processor, or its architecture."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
