"""What tests of the command line share."""

import pytest
from cyclopts import App

from beable.commands import cli


@pytest.fixture(scope="module", autouse=True)
def few(few_draws):
    """What a command line makes of scores does not depend on how many draws they rest on."""


@pytest.fixture(scope="package", autouse=True)
def assembled():
    """The options of a verb, which take longer to assemble than most calls take, are assembled once and then copied."""
    assemble, known = App.assemble_argument_collection, {}

    def once(app, *, parse_docstring=False):
        above = [above for frame in app.app_stack.stack for above in frame]
        key = (parse_docstring, id(app), *map(id, above))
        if key not in known:
            known[key] = app, above, assemble(app, parse_docstring=parse_docstring)
        return known[key][-1].copy(reset_tokens=True)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(App, "assemble_argument_collection", once)
        yield


@pytest.fixture
def beable(capsys):
    """Run a command line in this process: exit code, standard output, standard error."""

    def call(*words):
        code = cli.run([str(word) for word in words])
        return code, *capsys.readouterr()

    return call
