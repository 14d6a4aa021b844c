"""What tests of the command line share."""

import pytest

from beable import cli
from beable.report import page


@pytest.fixture
def beable(capsys):
    """Run a command line in this process: exit code, standard output, standard error."""

    def call(*words):
        code = cli.run([str(word) for word in words])
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def blank(monkeypatch):
    """Pages with blank pictures: how figures are drawn is tested where they are."""
    monkeypatch.setattr(page, "picture", lambda figure: page.Picture("data:image/png;base64,", 1, 1))
