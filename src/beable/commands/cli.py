"""The command line: which verbs there are, how errors read and which exit codes they carry.

It is made of the table in `beable.commands.verbs`; a verb's module is imported when the verb is called, so that help
appears at once. Results go to standard output, everything else to standard error. Exit codes: 0 success, 1 unexpected
error, those of `beable.errors` for the rest, 129 when the terminal was closed, 130 after Ctrl-C, 143 after a request to
end, 141 when the reader of the output has gone. A call without a verb shows the help on standard error and ends as any
other usage error does.
"""

import os
import signal
import sys
import traceback
import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn

from cyclopts import App, CycloptsError, Group, Parameter

from beable import memory
from beable.commands.completion import Shell, complete
from beable.commands.failures import meant
from beable.commands.mistakes import meaning
from beable.commands.verbs import GROUPS, Verb, verbs
from beable.console.output import printable
from beable.console.parameters import shown_default
from beable.errors import BeableError, UsageError

HUNG_UP, INTERRUPTED, TERMINATED, BROKEN_PIPE = 129, 130, 143, 141
CODES = {
    0: "success",
    1: "unexpected error",
    2: "a word, option or setting that is wrong",
    3: "data that cannot be used",
    4: "a training diverged",
    5: "a file or folder that is damaged, or of another kind than the verb takes",
    71: "too little memory, or too few processes or threads",
    73: "an output that exists or cannot be written",
    74: "a file or device that cannot be read",
    75: "an output that another process is writing, or no dask scheduler",
    HUNG_UP: "the terminal was closed",
    INTERRUPTED: "Ctrl-C",
    BROKEN_PIPE: "the reader of the output has gone",
    TERMINATED: "ended on request",
}
AGAIN = "run the same command again, which goes on from what it has kept"
#: options that had another name, by verb
FORMER = {"rate-distortion": {"--seeds": "--members"}, "rd": {"--seeds": "--members"}}

# here, since a faulty package is warned of as soon as the systems are looked up
warnings.formatwarning = lambda message, *about, **more: f"beable: warning: {message}\n"


def installed_version() -> str:
    """The version of the installed package."""
    from importlib.metadata import version

    return version("beable")


def _epilogue(verb: Verb) -> str:
    lines = [f"  {line}" for line in verb.examples]
    return "\n".join(["Examples:", *lines, "", f"In the docs: {verb.page}. All verbs: beable help"])


def _codes() -> str:
    lines = [f"  {code:<4} {words}" for code, words in CODES.items()]
    return "\n".join(
        [
            "Examples:",
            "  beable help fit",
            "  beable version",
            "",
            "Exit codes:",
            *lines,
            "",
            "With --debug, an error shows where in the program it arose; --max-memory 4GB allows so much memory,",
            "whatever a file holds and whatever is free. In the docs: docs/command-line.md",
        ]
    )


def _made() -> App:
    """The command line of the table of verbs."""
    made = App(
        name="beable",
        help="Find the hidden factors behind simulation data, and say how far to trust them.",
        help_format="plaintext",
        help_epilogue=_codes(),
        version=installed_version,
        version_flags=("--version", "-V"),
        default_parameter=Parameter(negative=(), show_default=shown_default),
        suppress_keyboard_interrupt=False,
    )
    groups = {name: Group(title, sort_key=i) for i, (name, title) in enumerate(GROUPS.items())}
    for flag, words in {"--help": "Show this help, or that of a verb.", "--version": "Show the version."}.items():
        made[flag].group, made[flag].help = groups["other"], words
    for i, verb in enumerate(verbs()):
        _add(made, verb, i, groups)
    made.command(
        "beable.commands.cli:completion",
        name="--install-completion",
        help="Say how this shell completes verbs and options.",
        group=groups["other"],
        help_epilogue="Examples:\n  beable --install-completion\n  beable --install-completion --yes\n\n"
        "In the docs: docs/command-line.md. All verbs: beable help",
    )
    return made


def _add(made: App, verb: Verb, place: int, groups: dict[str, Group]) -> None:
    """Put a verb into the command line, or into the group of verbs that it belongs to."""
    above, _, name = verb.words.rpartition(" ")
    options: dict[str, Any] = {"help": verb.help, "help_epilogue": _epilogue(verb), "sort_key": place}
    if verb.group:
        options["group"] = groups[verb.group]
    if verb.alias:
        options["alias"] = verb.alias
    parent = made[above] if above else made
    if verb.function:
        parent.command(verb.function, name=name, **options)
    else:
        parent.command(App(name=name, **options))


app = _made()


def show_help(words: Sequence[str], *, error: bool = False) -> None:
    """Print the help of a verb.

    Args:
        words: of the verb; none for the table of verbs.
        error: on standard error.

    Raises:
        UsageError: no such verb.
    """
    from rich.console import Console

    chain, _, rest = app.parse_commands(list(words))
    if rest:
        _call(words)  # which says what is wrong with them
    app.help_print(list(chain), console=Console(stderr=error))


def help_(*verb: str) -> None:
    """Show the help of a verb, or of all.

    Args:
        verb: The verb, such as data info; without one the table of all verbs.
    """
    show_help(verb)


def version_() -> None:
    """Show the version."""
    print(installed_version())


def completion(*, yes: bool = False, script: bool = False, shell: Shell | None = None) -> None:
    """Say how a shell completes verbs and options; nothing is written unless --yes is given.

    Args:
        yes: Write the script and, for bash and zsh, a line into the start file of the shell.
        script: Print the script that completes.
        shell: Which shell; that of the session by default.
    """
    complete(app, yes=yes, script=script, shell=shell)


class Terminated(KeyboardInterrupt):
    """The system asked this process to end, or its terminal was closed."""

    def __init__(self, message: str, signum: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signum


def main() -> NoReturn:
    """Entry point of the command ``beable``."""
    sys.exit(run(sys.argv[1:]))


def run(words: list[str]) -> int:
    """Run one command line in this process and return its exit code.

    Args:
        words: what follows the name of the program.
    """
    _prepare()
    debug = "--debug" in words
    try:
        words, most = _without_memory([word for word in words if word != "--debug"])
        words = _present(words)
        if _names_no_verb(words):
            show_help(words, error=True)
            return UsageError.exit_code
        with memory.allowing(most):
            _call(words)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            traceback.print_exc()
        known = _request_in(error)
        _say(_message(known))
        return _exit_code(known)
    return 0


def _request_in(error: BaseException) -> BaseException:
    """The request to end that compiled code ended with, which it makes a SystemError of; any other error as it is."""
    under = error.__cause__ or error.__context__
    return under if isinstance(error, SystemError) and isinstance(under, KeyboardInterrupt) else error


def _prepare() -> None:
    """One thread for each process before NumPy is imported, and a clean end on request."""
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # what stands in for it in a notebook
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    signal.signal(signal.SIGTERM, _terminate)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup
        signal.signal(signal.SIGHUP, _terminate)


def _terminate(signum: int, frame: object) -> NoReturn:
    raise Terminated(f"ended on request: {AGAIN}", signum)


def _without_memory(words: list[str]) -> tuple[list[str], str | None]:
    """The words without the memory that is allowed, an option of every verb, and that.

    >>> _without_memory(["import", "a.npz", "--max-memory", "4GB"])
    (['import', 'a.npz'], '4GB')
    """
    kept, most, left = [], None, iter(words)
    for word in left:
        name, equals, value = word.partition("=")
        if name != memory.OPTION:
            kept.append(word)
        else:
            most = value if equals else next(left, "")
    return kept, most


def _present(words: list[str]) -> list[str]:
    """The words with options by the names that they have now."""
    names = FORMER.get(words[0], {}) if words else {}
    return [names.get(word, word) for word in words]


def _names_no_verb(words: list[str]) -> bool:
    """Whether nothing, or a group of verbs alone, was given."""
    _, path, rest = app.parse_commands(words)
    return not rest and path[-1].default_command is None and (path[-1] is app or bool(path[-1].help_epilogue))


def _call(words: Sequence[str]) -> None:
    try:
        app(list(words), exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        chain = app.parse_commands(list(words))[0]
        call = " ".join(["beable", *chain, "--help"])
        raise UsageError(f"{meaning(error, words, chain, app)} Try: {call}") from error


def _message(error: BaseException) -> str:
    if isinstance(error, BeableError):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return str(error) or f"interrupted: {AGAIN}"
    found = meant(error)
    return found.words if found else f"unexpected {type(error).__name__}: {error} (run again with --debug to see where)"


def _exit_code(error: BaseException) -> int:
    if not isinstance(error, BeableError | KeyboardInterrupt) and (found := meant(error)):
        return found.exit_code
    return int(getattr(error, "exit_code", INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1))


def _say(text: str) -> None:
    """One line for people."""
    with suppress(OSError):  # a terminal that was closed takes no words
        print("beable:", printable(" ".join(text.split())), file=sys.stderr, flush=True)
