"""What tests of the command line share."""

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
