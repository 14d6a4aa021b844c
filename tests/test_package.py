"""The package as a whole: its table of contents, its floors, its examples, its one writer, what its import loads."""

import ast
import doctest
import pkgutil
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest
from sources import FILES, parsed, walked

import beable

ROOT = Path(__file__).parents[1]

# From the ground to the roof; a module imports from floors below its own and from its own folder.
FLOORS = (
    "errors",
    "inputs",
    "memory",
    "settings",
    "streams",
    "verdicts",
    "checks",
    "records",
    "references",
    "files",
    "workers",
    "cluster",
    "console",
    "system",
    "systems",  # the table alone, which imports none of them
    "simulator",
    "datasets",
    "representations",
    "metrics",
    "vae",
    "training",
    "analysis",
    "design",
    "studies",
    "report",
    "systems.NAME",
    "commands",
    "__main__",
)
SYSTEM = "beable.systems."
INSIDE = {
    "systems.NAME",
    "console",
    "inputs",
    "workers",
    "cluster",
    "commands",
    "__main__",
}


def python(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@cache
def text_of(module: str) -> str:
    return FILES[module].read_text()


def trees_with(pattern: str, modules: Iterable[str] = FILES) -> dict[str, ast.Module]:
    """Those modules in whose text something is found, parsed; to parse all of them takes seconds."""
    return {module: parsed(FILES[module]) for module in modules if re.search(pattern, text_of(module))}


#: as the formatter leaves it: on lines of its own, and only names in brackets over several
IMPORT = re.compile(r"^[ \t]*((?:from [\w.]+ )?import (?:\([^)]*\)|[^\n(]+))", re.MULTILINE)


@cache
def import_statements(text: str) -> list[ast.stmt]:
    """The import statements of a file, anywhere in it; to parse all of every file takes seconds."""
    return ast.parse("\n".join(IMPORT.findall(text))).body


# Table of contents


def test_table_of_contents_can_be_imported():
    homes = {name: import_module(module) for name, module in beable._HOME.items()}
    assert [name for name in beable.__all__ if getattr(beable, name) is not getattr(homes[name], name)] == []


def test_table_of_contents_is_written_once_for_all_readers():
    tree = ast.parse(FILES["beable"].read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert typed == beable._HOME
    assert sorted(beable.__all__) == sorted(beable._HOME)


def test_modules_of_the_table_are_the_floors():
    assert set(beable._MODULES) == set(FLOORS) - INSIDE
    for name in beable._MODULES:
        assert getattr(beable, name) is import_module(f"beable.{name}")


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = beable.nonsense


def test_dir_lists_the_table():
    assert set(beable.__all__) < set(dir(beable))


def test_version_is_the_installed_one():
    from importlib.metadata import version

    assert beable.__version__ == version("beable")


def test_what_a_folder_exports_is_there():
    folders = [import_module(name) for name, path in FILES.items() if path.name == "__init__.py"]
    exported = [(folder, word) for folder in folders for word in getattr(folder, "__all__", [])]
    assert exported
    assert [(folder.__name__, word) for folder, word in exported if not hasattr(folder, word)] == []


# Dependencies


@cache
def imported() -> set[str]:
    """Libraries that some file imports."""
    nodes = [node for module in FILES for node in import_statements(text_of(module))]
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    own = {"beable", "pydantic_core"}  # the core is a part of pydantic, in a version that pydantic sets
    return {name.split(".")[0] for name in names} - own - set(sys.stdlib_module_names)


def modules(requirements: list[str]) -> set[str]:
    """What is imported of these distributions."""
    names = [re.split(r"[<>=\[]", requirement)[0] for requirement in requirements]
    return {{"scikit-learn": "sklearn", "vtk": "vtkmodules"}.get(name, name).replace("-", "_") for name in names}


def test_what_is_always_installed_is_imported_and_what_is_imported_is_declared():
    """Zarr, the twin, would be installed for nothing: stores are written and read without it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [need for needs in project["optional-dependencies"].values() for need in needs]
    assert modules(project["dependencies"]) - imported() == set()
    assert modules([*project["dependencies"], "zarr>=3.1"]) - imported() == {"zarr"}
    assert imported() - modules([*project["dependencies"], *extras]) == set()


# Import cost


def test_import_loads_nothing_heavy():
    heavy = ("torch", "numpy", "scipy", "pydantic", "matplotlib", "rich", "cyclopts")
    loaded = python(f"import sys, beable; print(*[m for m in {heavy} if m in sys.modules])")
    assert loaded == ""


# Floors


def imports(module: str) -> Iterator[str]:
    """Modules of beable that a module imports, anywhere in it."""
    for node in import_statements(text_of(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "beable")
        elif node.module and node.module.split(".")[0] == "beable":
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in FILES else node.module for name in inner)
        assert not getattr(node, "level", 0), f"{module}: relative import"


def upward(module: str, imported: list[str]) -> list[str]:
    """Those imports of a module that do not go down, or take a sibling's name from their folder."""
    folder, own = ".".join(module.split(".")[: 3 if module.startswith(SYSTEM) else 2]), floor(module)
    return [
        name
        for name in imported
        if floor(name) > own or (floor(name) == own and (not name.startswith(f"{folder}.") or name == folder))
    ]


def floor(module: str) -> int:
    """Number of the floor of a module."""
    return FLOORS.index(floor_name(module))


def floor_name(module: str) -> str:
    """The floor of a module; what lies within a system stands above the table of systems."""
    return "systems.NAME" if module.startswith(SYSTEM) else module.split(".")[1]


MODULES = [name for name in FILES if name != "beable"]


def downward(module: str) -> list[str]:
    """The imports of a module but those of its own parts, if it is a folder."""
    imported = [name for name in imports(module) if name != module]
    is_folder = FILES[module].name == "__init__.py"
    return [name for name in imported if not (is_folder and name.startswith(f"{module}."))]


def test_imports_go_down():
    wrong = {module: upward(module, downward(module)) for module in MODULES}
    assert {module: names for module, names in wrong.items() if names} == {}


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("beable.simulator", "beable.training.run"),
        ("beable.vae.networks", "beable.training.fit"),
        ("beable.metrics.context", "beable.metrics"),
        ("beable.files.disk", "beable.commands.cli"),
    ],
)
def test_upward_imports_are_seen(module, imported):
    assert upward(module, [imported]) == [imported]


#: words that only a system's own folder, the table of systems and the package's table of contents may use
NAMES = re.compile("darcy|lennard|packing", re.IGNORECASE)
SPINE = [name for name in MODULES if not name.startswith("beable.systems")]


def code_words(tree: ast.AST) -> set[str]:
    """Names, imported modules and texts in the code of a file, documentation left out."""
    holders = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    firsts = [node.body[0] for node in walked(tree) if isinstance(node, holders) and node.body]
    docs = {id(first.value) for first in firsts if isinstance(first, ast.Expr)}
    nodes = (node for node in walked(tree) if id(node) not in docs)
    return {value for node in nodes for value in vars(node).values() if isinstance(value, str)}


def test_the_spine_names_no_system():
    trees = trees_with(f"(?i:{NAMES.pattern})", SPINE)
    named = {name: found for name, tree in trees.items() if (found := {*filter(NAMES.search, code_words(tree))})}
    assert named == {}


def test_a_system_named_in_code_is_seen_and_one_in_documentation_is_not():
    assert any(map(NAMES.search, code_words(ast.parse("kind = 'packing'"))))
    assert any(map(NAMES.search, code_words(ast.parse("from beable.systems.darcy import simulator"))))
    assert not any(map(NAMES.search, code_words(ast.parse('"""Such as Darcy flow."""\nx = 1'))))


def test_no_system_imports_another():
    for name in MODULES:
        if floor_name(name) == "systems.NAME":
            own = ".".join(name.split(".")[:3])
            others = {n for n in imports(name) if n.startswith(SYSTEM) and not n.startswith(f"{own}.") and n != own}
            assert others == set(), name


def test_imports_have_no_cycle():
    graph = {module: set(imports(module)) - {module, "beable"} for module in FILES}
    graph["beable"] = set()
    order = list(TopologicalSorter(graph).static_order())
    assert order.index("beable.errors") < order.index("beable.commands.cli")
    graph["beable.errors"] = {"beable.commands.cli"}
    with pytest.raises(CycleError):
        list(TopologicalSorter(graph).static_order())


# One writer, no code in data

WRITING = {
    "copyfile",
    "copytree",
    "makedirs",
    "mkdir",
    "move",
    "rename",
    "save_file",
    "savefig",
    "savetxt",
    "savez",
    "savez_compressed",
    "symlink_to",
    "tofile",
    "touch",
    "unlink",
    "write_bytes",
    "write_text",
}
#: which save and dump into files
SAVING = {(library, call) for library in ("json", "np", "pickle", "torch") for call in ("dump", "save")}
UNSAFE = {"pickle", "marshal", "shelve", "dill", "joblib", "yaml"}
WRITERS = {"beable.files.disk"}


def writes(tree: ast.AST) -> list[str]:
    """Names of the calls in a file that write to disk."""
    return [
        called(call)[1]
        for call in walked(tree, ast.Call)
        if called(call)[1] in WRITING or called(call) in SAVING or opens(call)
    ]


def called(call: ast.Call) -> tuple[str, str]:
    """What is called: the name before the dot, if it is one, and the name after it."""
    if isinstance(call.func, ast.Attribute):
        return getattr(call.func.value, "id", ""), call.func.attr
    return "", getattr(call.func, "id", "")


def opens(call: ast.Call) -> bool:
    """Whether a call opens to write: the function with a mode that is not known to read, a method with one to write."""
    modes = {getattr(given, "value", None) for given in call.args[1:2]}
    modes |= {getattr(word.value, "value", None) for word in call.keywords if word.arg == "mode"}
    if called(call) == ("", "open"):
        return not modes <= {"r", "rb"}
    modes |= {getattr(given, "value", None) for given in call.args[:1]}
    return called(call)[1] == "open" and any(
        isinstance(m, str) and re.fullmatch(r"[rb+]*[wax+][b+]*", m) for m in modes
    )


def test_only_one_module_writes():
    calling = rf"\b(?:{'|'.join(WRITING | {'open', 'dump', 'save'})})\("
    trees = trees_with(calling, set(FILES) - WRITERS)
    found = [(module, call) for module, tree in sorted(trees.items()) for call in writes(tree)]
    assert found == [("beable.report.pictures", "savefig")]  # into a buffer


def test_the_writer_is_seen_writing():
    assert writes(parsed(FILES["beable.files.disk"]))
    for source in ("open('x', 'w')", "p.write_text('x')", "np.save(p, a)", "torch.save(a, p)", "p.open(mode='ab')"):
        assert writes(ast.parse(source)), source
    for source in ("open('x', 'rb')", "open('x')", "p.open()", "figure.save(p)"):
        assert not writes(ast.parse(source)), source


def test_kernels_that_run_long_are_called_so_that_they_can_be_interrupted():
    """Those that hold no lock of Python; a kernel that another one calls is compiled into it."""
    trees = [*trees_with(r"nogil=True|interruptible\(").values()]
    functions = [node for tree in trees for node in walked(tree, ast.FunctionDef)]
    long = {f.name for f in functions if any("nogil=True" in ast.unparse(d) for d in f.decorator_list)}
    assert long == {"_place", "_moves"}
    calls = [node for tree in trees for node in walked(tree, ast.Call) if called(node) == ("", "interruptible")]
    assert {ast.unparse(call.args[0]) for call in calls} == {"_place", "_moves", "kernel"}


def packages(text: str) -> set[str]:
    """Names of the packages from which a file imports."""
    nodes = import_statements(text)
    plain = {alias.name.split(".")[0] for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {(node.module or "").split(".")[0] for node in nodes if isinstance(node, ast.ImportFrom)}


def test_no_format_that_can_carry_code():
    assert {module: found for module in FILES if (found := packages(text_of(module)) & UNSAFE)} == {}
    inside = "def load():\n    from marshal import (\n        load,\n    )\n    import yaml.nodes"
    assert packages(f"import numpy, pickle\n\n{inside}") == {"numpy", "pickle", "marshal", "yaml"}


#: which decide a rank, by a cut-off that a library chooses from rounding unless it is given
RANKS = {"pinv", "pinvh", "lstsq", "matrix_rank", "orth", "null_space"}
CUT_OFFS = {"rcond", "rtol", "atol", "tol", "cond"}


def unsaid_ranks(tree: ast.AST) -> list[str]:
    """Calls that decide a rank without a cut-off of their own."""
    calls = walked(tree, ast.Call)
    deciding = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr in RANKS]
    return [ast.unparse(call) for call in deciding if not CUT_OFFS & {word.arg for word in call.keywords}]


def test_no_rank_is_decided_by_the_default_of_a_library():
    trees = trees_with(rf"\.(?:{'|'.join(RANKS)})\(")
    assert {module: found for module, tree in trees.items() if (found := unsaid_ranks(tree))} == {}
    assert unsaid_ranks(ast.parse("np.linalg.pinv(a)\nnp.linalg.pinv(a, rtol=1e-6)")) == ["np.linalg.pinv(a)"]


# Documents


def test_design_page_shows_the_floors_in_their_order():
    page = (ROOT / "docs" / "design.md").read_text()
    block = next(block for block in page.split("```") if block.rstrip().endswith("ground"))
    shown = re.findall(r"^([\w/]+?)(?:/|\.py) ", block, re.MULTILINE)
    assert [*(name.replace("/", ".") for name in reversed(shown)), "__main__"] == list(FLOORS)


def test_citation_names_this_version():
    assert f"version: {beable.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_reference_covers_every_module_for_users():
    pages = "".join(page.read_text() for page in (ROOT / "docs" / "api").glob("*.md"))
    assert set(re.findall(r"^@beable\.(\w+)$", pages, re.MULTILINE)) == set(FLOORS) - INSIDE


# Examples


def test_every_module_is_found():
    walked = {"beable"} | {about.name for about in pkgutil.walk_packages(beable.__path__, "beable.")}
    assert walked == set(FILES)


#: what examples need not do as finely as the package does
COARSE = {
    "beable.systems.packing.figures.spheres": {"beable.systems.packing.figures.spheres.PIXELS": 20},
    "beable.analysis.support_axes": {
        "beable.analysis.support_axes.DRAWS": 1,
        "beable.analysis.support_axes.NORMAL_DRAWS": 2,
        "beable.training.support.TRIES": 2,
        "beable.training.support.KEPT": 2,
    },
    "beable.training.support": {"beable.training.support.TRIES": 2, "beable.training.support.KEPT": 2},
}


@pytest.mark.parametrize("module", [name for name in MODULES if ">>>" in text_of(name)])
def test_examples_of_docstrings(module, monkeypatch):
    for name, value in COARSE.get(module, {}).items():
        monkeypatch.setattr(name, value)
    monkeypatch.setattr("beable.training.start.independent_turn.__defaults__", (1, 500, 1e-5))  # not the best of eight
    monkeypatch.setattr("linecache.checkcache", lambda filename=None: None)  # a look at every file for each docstring
    tested = import_module(module)
    done = doctest.testmod(tested, optionflags=doctest.NORMALIZE_WHITESPACE)
    for remembering in filter(lambda found: module in COARSE and hasattr(found, "cache_clear"), vars(tested).values()):
        remembering.cache_clear()  # what is coarse
    assert done.attempted > 0
    assert done.failed == 0
