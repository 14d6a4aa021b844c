"""What Chromium sees of pages, where there is one: their structure, what they fetch, and what axe-core complains of."""

import json
import re
import shutil
import subprocess
from functools import cache
from html import unescape
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
in_a_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--virtual-time-budget=20000",
]
ASK_AXE = """<script>%s</script><script>addEventListener("load", () => {
const height = document.documentElement.scrollHeight;
axe.run(document, {resultTypes: ["violations"]}).then(found => {
  const told = document.createElement("pre");
  const complaints = found.violations.map(one => `${one.id}: ${one.nodes.length}: ${one.nodes[0].html.slice(0, 200)}`);
  told.id = "told"; told.textContent = JSON.stringify({height, complaints});
  document.body.append(told);
})})</script></body>"""
POLICY = re.compile('<meta http-equiv="Content-Security-Policy"[^>]*>')


def dumped(folder: Path, html: str, width: int = 1280) -> tuple[str, str]:
    """A page after its scripts have run, as HTML, and what the browser logged."""
    assert CHROMIUM is not None
    shown = folder / "shown.html"
    shown.write_text(html, "utf-8")
    size = f"--window-size={width},880"
    command = [CHROMIUM, *FLAGS, size, f"--user-data-dir={folder / 'profile'}", "--dump-dom", shown.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, done.stderr


@cache
def axe() -> str:
    """The source of axe-core."""
    return (
        resources.files("axe_core_python").joinpath("axe.min.js").read_text("utf-8").replace("</script", "<\\/script")
    )


def seen(folder: Path, html: str, width: int = 1280) -> dict[str, Any]:
    """Height of a page in pixels, and the complaints of axe-core; the page's policy, which forbids scripts, is out."""
    asked = POLICY.sub("", html).replace("</body>", _with_axe())
    told = re.search(r'<pre id="told">(.*?)</pre>', dumped(folder, asked, width)[0], re.S)
    assert told is not None
    return dict(json.loads(unescape(told[1])))


def _with_axe() -> str:
    before, after = ASK_AXE.split("%s")
    return before + axe() + after


def complaints(folder: Path, html: str, width: int = 1280) -> list[str]:
    """What axe-core complains of on a page with all of it unfolded; nothing where there is no Chromium to ask.

    What is inside figures is left out: they are images to a reader, and their thousands of words take axe minutes.
    """
    bare = re.sub(r"<svg\b.*?</svg>", "<svg></svg>", html, flags=re.S).replace("<details", "<details open")
    return seen(folder, bare, width)["complaints"] if CHROMIUM else []
