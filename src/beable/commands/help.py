"""The verbs help, version and --install-completion."""

from collections.abc import Mapping
from typing import Literal

from beable.errors import UsageError

Shell = Literal["bash", "zsh", "fish"]
SCRIPT = "beable --install-completion --script --shell"
#: what loads the completion, to be typed or put into the start file of the shell
LINES: Mapping[Shell, tuple[str, str]] = {
    "bash": ("~/.bashrc", f"source <({SCRIPT} bash)"),
    "zsh": (
        "~/.zshrc, before compinit",
        f"mkdir -p ~/.zfunc && {SCRIPT} zsh > ~/.zfunc/_beable && fpath=(~/.zfunc $fpath)",
    ),
    "fish": ("~/.config/fish/config.fish", f"{SCRIPT} fish | source"),
}


def help_(*verb: str) -> None:
    """Show the help of a verb, or of all.

    Parameters
    ----------
    verb
        The verb, such as data info; without one the table of all verbs.
    """
    from beable.cli import show_help

    show_help(verb)


def version_() -> None:
    """Show the version."""
    from beable.cli import installed_version

    print(installed_version())


def completion(*, yes: bool = False, script: bool = False, shell: Shell | None = None) -> None:
    """Say how a shell completes verbs and options; nothing is written unless --yes is given.

    Parameters
    ----------
    yes
        Write the script and, for bash and zsh, a line into the start file of the shell.
    script
        Print the script that completes.
    shell
        Which shell; that of the session by default.
    """
    from beable.cli import app

    chosen = shell or _detected()
    if script:
        print(app.generate_completion(shell=chosen))
    elif yes:
        path = app.install_completion(shell=chosen)
        print(f"{path}\nwritten; completion begins with the next {chosen} session")
    else:
        place, line = LINES[chosen]
        print(f"# {place}; nothing was written, add it yourself or let beable --install-completion --yes do it\n{line}")


def _detected() -> Shell:
    from cyclopts.completion.detect import ShellDetectionError, detect_shell

    try:
        found = detect_shell()
    except ShellDetectionError:
        found = None
    if found not in LINES:
        raise UsageError(f"the shell could not be told: give --shell {', --shell '.join(LINES)}")
    return found  # type: ignore[return-value]
