"""``python -m beable``: the command line."""

from beable.commands.cli import main

if __name__ == "__main__":
    main()
