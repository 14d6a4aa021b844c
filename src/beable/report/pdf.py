"""A page as PDF, printed by Chromium where it is installed; nothing is fetched while it prints."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from beable.errors import OutputError, UsageError
from beable.files import disk

#: programs that print pages, the first that is found
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
SECONDS = 120
OPTIONS = (
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-sync",
    "--no-first-run",
    "--no-pdf-header-footer",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)


def browser() -> str:
    """The path of Chromium.

    Raises:
        UsageError: none is installed.
    """
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise UsageError(
            f"a PDF is printed by Chromium, and none of {', '.join(BROWSERS)} is on the PATH: install one, or give -o "
            "a name that ends in .html"
        )
    return found


def printed(html: str, program: str | None = None) -> bytes:
    """A page as PDF.

    Args:
        html: the page.
        program: path of Chromium; the one on the PATH by default.

    Raises:
        UsageError: no Chromium.
        OutputError: it ended without a PDF.
    """
    program = program or browser()
    with tempfile.TemporaryDirectory(prefix="beable-") as folder:
        page, made = Path(folder, "page.html"), Path(folder, "page.pdf")
        disk.atomic_write(page, html.encode())
        # the sandbox of Chromium refuses to run as root
        options = [*OPTIONS, *(["--no-sandbox"] if os.geteuid() == 0 else []), f"--user-data-dir={folder}/profile"]
        told = _run([program, *options, f"--print-to-pdf={made}", page.as_uri()])
        if not made.exists():
            raise OutputError(f"{program} made no PDF ({told}): give -o a name that ends in .html, and print that")
        return disk.read_bytes(made)


def _run(words: list[str]) -> str:
    """Run a program; the last line of what it says."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, errors="replace")  # noqa: S603
    except subprocess.TimeoutExpired:
        return f"it took more than {SECONDS} s"
    except OSError as error:
        return error.strerror or str(error)
    return next(reversed(done.stderr.strip().splitlines()), f"exit code {done.returncode}")
