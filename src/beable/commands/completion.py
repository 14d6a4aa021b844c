"""How a shell completes verbs and options: the lines that are to be added, or added for whoever says so."""

from collections.abc import Mapping
from typing import Literal

from cyclopts import App

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


def complete(app: App, *, yes: bool, script: bool, shell: Shell | None) -> None:
    """Print how a shell completes; write only where that is asked for.

    Args:
        app: the command line.
        yes: write the script and, for bash and zsh, a line into the start file of the shell.
        script: print the script.
        shell: which; that of the session if None.
    """
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
