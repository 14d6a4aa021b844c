"""The table of verbs: group, function, one line of help, examples, place in the docs; of it the command line is made.

Nothing here is imported to run a verb, and no verb is imported to show the table. Verbs of a physical system, and
examples that name one, stand in the table of systems.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from beable.system import SYSTEMS, System
from beable.system import Verb as SystemVerb

#: headings of the groups in the order of work
GROUPS = {
    "data": "Data: make a data set",
    "learn": "Learn: train models on it",
    "look": "Look: judge and show what was learned",
    "repeat": "Repeat: studies of the literature",
    "other": "Other",
}
TOUR, OWN, LINE = "docs/tour.md", "docs/your-data.md", "docs/command-line.md"


class Verb(NamedTuple):
    """A verb of the command line, or a group of verbs.

    Args:
        words: the verb, such as "data info".
        group: a name in ``GROUPS``; "" for a verb in a group of verbs.
        function: where it is, "module:function"; "" for a group of verbs.
        help: one line.
        page: of the docs, where more is said.
        examples: two command lines.
        alias: a shorter name.
    """

    words: str
    group: str
    function: str
    help: str
    page: str
    examples: tuple[str, ...]
    alias: str = ""


#: words that people try, and the verb that does it
MEANT = {
    "train": "fit",
    "run": "study run",
    "test": "evaluate",
    "eval": "evaluate",
    "plot": "report",
    "page": "report",
    "generate": "simulate",
    "info": "show",
    "inspect": "show",
    "load": "import",
    "anomaly": "score",
    "fill": "impute",
    "sweep": "rate-distortion",
    "diff": "compare",
    "citation": "cite",
    "list": "study list",
    "reproduce": "study run",
}

VERBS = (
    Verb("simulate", "data", "", "Make a data set with a simulator.", TOUR, ()),
    Verb(
        "import",
        "data",
        "beable.commands.imports:import_",
        "Make a data set from a file of your own.",
        OWN,
        (
            "beable import flow.npz -o flow.zarr --factors viscosity --units pressure=Pa",
            "beable import table.csv -o table.zarr",
        ),
    ),
    Verb("data", "data", "", "Look at a data set, or verify it.", TOUR, ()),
    Verb(
        "data info",
        "",
        "beable.commands.data:info",
        "What a data set holds.",
        "docs/store-format.md",
        ("beable data info flow.zarr", "beable data info flow.zarr --json"),
    ),
    Verb(
        "data verify",
        "",
        "beable.commands.verify:verify",
        "The same as verify.",
        "docs/store-format.md",
        ("beable data verify flow.zarr", "beable data verify flow.zarr --json"),
    ),
    Verb(
        "fit",
        "learn",
        "beable.commands.training:fit",
        "Train an ensemble of VAEs on a data set.",
        TOUR,
        (
            "beable fit flow.zarr -o run --latents 3 --members 8",
            "beable fit flow.zarr -o run --start random --set model.width=64",
        ),
    ),
    Verb(
        "rate-distortion",
        "learn",
        "beable.commands.training:rate_distortion",
        "Trace rate against distortion over many beta.",
        TOUR,
        (
            "beable rate-distortion flow.zarr -o sweep",
            "beable rate-distortion flow.zarr -o sweep --betas 1 10 100 --members 2 --steps 1000",
        ),
        "rd",
    ),
    Verb(
        "agree",
        "learn",
        "beable.commands.agree:agree",
        "Say what trainings agree on, without labels.",
        OWN,
        ("beable agree run", "beable agree run flow.zarr -o run-agree --members 6"),
    ),
    Verb(
        "show",
        "look",
        "beable.commands.show:show_",
        "Say what a data set, run, study or result file is.",
        LINE,
        ("beable show run", "beable show flow.zarr --json"),
    ),
    Verb(
        "verify",
        "look",
        "beable.commands.verify:verify",
        "Read every byte of a data set, run or study and name what is damaged.",
        LINE,
        ("beable verify run", "beable verify flow.zarr --json"),
    ),
    Verb(
        "evaluate",
        "look",
        "beable.commands.training:evaluate",
        "Judge a run on held-out rows.",
        TOUR,
        ("beable evaluate run", "beable evaluate run other.zarr --json"),
    ),
    Verb(
        "report",
        "look",
        "beable.commands.pages:report",
        "Write the HTML report of a run.",
        TOUR,
        ("beable report run", "beable report run flow.zarr -o flow.pdf"),
    ),
    Verb(
        "compare",
        "look",
        "beable.commands.compare:compare",
        "Put runs beside each other: numbers, verdicts, settings that differ.",
        LINE,
        ("beable compare run luck", "beable compare run luck -o compare.html"),
    ),
    Verb(
        "score",
        "look",
        "beable.commands.samples:score",
        "Say how likely snapshots are to a run.",
        OWN,
        ("beable score run new.zarr --top 5", "beable score run --json"),
    ),
    Verb(
        "impute",
        "look",
        "beable.commands.impute:impute",
        "Fill what is missing of a data set.",
        OWN,
        ("beable impute run -o filled.csv", "beable impute run table.zarr -o filled.zarr --json"),
    ),
    Verb(
        "sample",
        "look",
        "beable.commands.samples:sample",
        "Make a data set of samples from a run.",
        OWN,
        (
            "beable sample run -o new.zarr --rows 100",
            "beable sample run -o new.zarr --conditions gravity=0.4 --member 1",
        ),
    ),
    Verb(
        "decode",
        "look",
        "beable.commands.decoded:decode",
        "Write what a run makes of the rows of a data set.",
        OWN,
        (
            "beable decode run -o decoded.zarr",
            "beable decode run flow.zarr -o decoded.zarr --member 1",
        ),
    ),
    Verb(
        "open",
        "look",
        "beable.commands.show:open_",
        "Open the page of a run or study in the browser.",
        LINE,
        ("beable open run", "beable open report.html"),
    ),
    Verb("study", "repeat", "", "Repeat a result of the literature.", TOUR, ()),
    Verb(
        "study list",
        "",
        "beable.commands.studies:list_",
        "Name the studies that come with beable.",
        TOUR,
        ("beable study list", "beable study list --json"),
    ),
    Verb("study show", "", "beable.commands.studies:show_", "Show a study and the source's numbers.", TOUR, ()),
    Verb("study run", "", "beable.commands.studies:run", "Run a study from nothing to its report.", TOUR, ()),
    Verb(
        "study report",
        "",
        "beable.commands.studies:report",
        "Make the report of a finished study again.",
        TOUR,
        ("beable study report study-quick", "beable study report study-quick --json"),
    ),
    Verb(
        "cite",
        "repeat",
        "beable.commands.cite:cite",
        "Print what to cite, as BibTeX.",
        LINE,
        ("beable cite", "beable cite run"),
    ),
    Verb("design", "other", "beable.commands.design:design", "Find designs with a wanted outcome.", TOUR, ()),
    Verb(
        "doctor",
        "other",
        "beable.commands.doctor:doctor",
        "Versions, threads, devices, disk: what to report.",
        LINE,
        ("beable doctor", "beable doctor --json"),
    ),
    Verb(
        "help",
        "other",
        "beable.commands.cli:help_",
        "Show the help of a verb.",
        LINE,
        ("beable help", "beable help data info"),
    ),
    Verb(
        "version",
        "other",
        "beable.commands.cli:version_",
        "Show the version.",
        LINE,
        ("beable version", "beable --version"),
    ),
)


def verbs() -> Iterator[Verb]:
    """Every verb in the order of the help, those of the systems included.

    >>> [verb.words for verb in verbs() if verb.group == "data"]
    ['simulate', 'import', 'data']
    """
    own = {verb.words: verb for verb in VERBS}
    for verb in VERBS:
        yield verb._replace(examples=examples(verb.words, own))
        if verb.words == "simulate":
            yield from (_simulator(name, system) for name, system in SYSTEMS.items())
        if verb.words == "design":
            yield from (_added(name, verb) for system in SYSTEMS.values() for name, verb in system.verbs.items())


def examples(words: str, own: Mapping[str, Verb]) -> tuple[str, ...]:
    """Two command lines of a verb: its own, those of systems, and for a group of verbs the first of each in it."""
    given = [*own[words].examples, *(line for s in SYSTEMS.values() for line in s.examples.get(words, ()))]
    if not own[words].function:
        inner = [f"simulate {name}" for name in SYSTEMS] if words == "simulate" else []
        inner += [verb for verb in own if verb.startswith(f"{words} ")]
        found = {verb: _simulator_lines(verb) or examples(verb, own) for verb in inner}
        given += [lines[0] for lines in found.values() if lines]
    return tuple(given[:2])


def _simulator_lines(words: str) -> tuple[str, ...]:
    name = words.removeprefix("simulate ")
    return SYSTEMS[name].examples.get("simulate", _any_simulator(name)) if name in SYSTEMS else ()


def _any_simulator(name: str) -> tuple[str, ...]:
    return f"beable simulate {name} --rows 256 -o {name}.zarr", f"beable simulate {name} --rows 8 -o few --workers 1"


def _simulator(name: str, system: System) -> Verb:
    function, lines = f"beable.commands.simulate:{name}", system.examples.get("simulate", _any_simulator(name))
    return Verb(f"simulate {name}", "", function, system.help, system.page or TOUR, lines)


def _added(name: str, verb: SystemVerb) -> Verb:
    return Verb(name, "other", verb.function, verb.help, verb.page or TOUR, verb.examples)
