"""What tests of the command line share."""

import sys

import pytest

from beable.commands import cli


@pytest.fixture(scope="module", autouse=True)
def few(few_draws):
    """What a command line makes of scores does not depend on how many draws they rest on."""


@pytest.fixture
def beable(capsys):
    """Run a command line in this process: exit code, standard output, standard error."""

    def call(*words):
        code = cli.run([str(word) for word in words])
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def undrawn(blank, monkeypatch):
    """Pages whose figures are empty, where what a page says matters and not what it draws."""
    from matplotlib.figure import Figure

    import beable.report.compare
    import beable.report.run
    import beable.report.sweep  # noqa: F401

    for module in [module for name, module in sys.modules.items() if name.startswith("beable.report")]:
        for name, function in list(vars(module).items()):
            if getattr(getattr(function, "__code__", None), "co_name", "") == "styled":
                monkeypatch.setattr(module, name, lambda *about, **more: Figure())
