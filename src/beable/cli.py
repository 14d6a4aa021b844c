"""The command line: which verbs there are, how errors read and which exit codes they carry.

A verb's module is imported when the verb is called, so that help appears at once. Results go to standard output,
everything else to standard error. Exit codes: 0 success, 1 unexpected error, those of `beable.errors` for the rest,
130 after Ctrl-C, 143 after a request to end, 141 when the reader of the output has gone.
"""

import os
import signal
import sys
import traceback
import warnings
from typing import NoReturn

from cyclopts import App, CoercionError, CycloptsError, Parameter, UnknownCommandError

from beable.console.output import printable
from beable.errors import BeableError, UsageError, unknown
from beable.system import SYSTEMS

INTERRUPTED, TERMINATED, BROKEN_PIPE = 130, 143, 141

# here, since a faulty package is warned of as soon as the systems are looked up
warnings.formatwarning = lambda message, *about, **more: f"beable: warning: {message}\n"

app = App(
    name="beable",
    help="Find the hidden factors behind simulation data, and say how far to trust them.",
    help_epilogue="With --debug, an error shows where in the program it arose.",
    version=lambda: _version(),
    default_parameter=Parameter(negative=()),
    suppress_keyboard_interrupt=False,
)

simulate = App(name="simulate", help="Make a data set with a simulator.")
data = App(name="data", help="Look at a data set, or verify it.")
study = App(name="study", help="Repeat a result of the literature.")
for group in (simulate, data, study):
    app.command(group)

data.command("beable.commands.data:info", name="info", help="What a data set holds.")
data.command("beable.commands.data:verify", name="verify", help="Read every byte and name what is damaged.")
app.command("beable.commands.imports:import_", name="import", help="Make a data set from a file of your own.")
app.command("beable.commands.training:fit", name="fit", help="Train an ensemble of VAEs on a data set.")
app.command("beable.commands.training:evaluate", name="evaluate", help="Judge a run on held-out rows.")
app.command("beable.commands.agree:agree", name="agree", help="Say what trainings agree on, without labels.")
app.command("beable.commands.training:report", name="report", help="Write the HTML report of a run.")
app.command(
    "beable.commands.training:rate_distortion",
    name="rate-distortion",
    alias="rd",
    help="Trace rate against distortion over many beta.",
)
app.command("beable.commands.design:design", name="design", help="Find designs with a wanted outcome.")
app.command("beable.commands.samples:sample", name="sample", help="Make a data set of samples from a run.")
app.command("beable.commands.samples:score", name="score", help="Say how likely snapshots are to a run.")
for system_name, system in SYSTEMS.items():
    simulate.command(f"beable.commands.simulate:{system_name}", name=system_name, help=system.help)
    for name, verb in system.verbs.items():
        app.command(verb.function, name=name, help=verb.help)
study.command("beable.commands.studies:list_", name="list", help="Name the studies that come with beable.")
study.command("beable.commands.studies:show_", name="show", help="Show a study and the source's numbers.")
study.command("beable.commands.studies:run", name="run", help="Run a study from nothing to its report.")
study.command("beable.commands.studies:report", name="report", help="Make the report of a finished study again.")
app.command("beable.commands.doctor:doctor", name="doctor", help="Versions, threads, devices, disk: what to report.")

app.register_install_completion_command(help="Let this shell complete verbs and options.")


class Terminated(KeyboardInterrupt):
    """The system asked this process to end."""

    exit_code = TERMINATED


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
    words = [word for word in words if word != "--debug"]
    try:
        _call(words)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            traceback.print_exc()
        _say(_message(error))
        return _exit_code(error)
    return 0


def _prepare() -> None:
    """One thread for each process before NumPy is imported, and a clean end on request."""
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    signal.signal(signal.SIGTERM, _terminate)


def _terminate(signum: int, frame: object) -> NoReturn:
    raise Terminated("ended on request: run the same command again to go on")


def _call(words: list[str]) -> None:
    try:
        app(words, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        call = " ".join(["beable", *app.parse_commands(words)[0], "--help"])
        raise UsageError(f"{_meaning(error)} Try: {call}") from error


def _meaning(error: CycloptsError) -> str:
    """What is wrong with the words; of a verb or a choice that does not exist the nearest, without importing any."""
    if isinstance(error, CoercionError) and error.argument and (choices := error.argument.get_choices(force=True)):
        return f"{unknown(error.argument.name.lstrip('-'), error.token.value if error.token else '', choices)}."
    if isinstance(error, UnknownCommandError) and error.app and error.unused_tokens:
        return f"{unknown('verb', error.unused_tokens[0], (verb for verb in error.app if verb[0] != '-'))}."
    return str(error)


def _message(error: BaseException) -> str:
    if isinstance(error, BeableError):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return str(error) or "interrupted: run the same command again to go on"
    return f"unexpected {type(error).__name__}: {error} (run again with --debug to see where)"


def _exit_code(error: BaseException) -> int:
    return int(getattr(error, "exit_code", INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1))


def _say(text: str) -> None:
    """One line for people."""
    print("beable:", printable(" ".join(text.split())), file=sys.stderr, flush=True)


def _version() -> str:
    from importlib.metadata import version

    return version("beable")
