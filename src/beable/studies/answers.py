"""Answers that are kept, so that nothing is measured twice and a page can be made again alone.

::

    out/answers/<part>/
      answer.json           numbers and words
      arrays.safetensors    arrays, by the numbers that stand for them there
      manifest.json         of what, and the CPU seconds it took

An answer is kept for one key: the runs, the data sets, the options and the code that it came from. The code is the
version of beable with the sum of every source file that can change an answer: all but what shows answers. One that was
measured without an optional library is measured again where that library is there.
"""

from functools import cache
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from beable.console.made import made
from beable.files import array_files, artefacts, disk, json_files
from beable.studies.codec import decode, encode
from beable.studies.context import Context, data_path, dataset_path, run_path
from beable.studies.part import Answer
from beable.studies.study import Arm, PartSettings
from beable.system import SYSTEMS

KIND, VERSION = "answer", 1
#: folders and files of the package, and of a system, that only show answers, or are no part of them
SHOWING = ("report", "commands", "console", "cli.py", "systems")
SHOWING_OF_SYSTEM = ("figures", "findings.py", "page", "page.py", "pages", "tables", "verbs.py")


class Answered(NamedTuple):
    """A part with its answer.

    Args:
        part: the question.
        answer: what its measure found.
        cpu_seconds: that the measure took.
        made: command, date and machine of that.
        without: optional libraries that were not there, with which the part measures more.
    """

    part: PartSettings
    answer: Answer
    cpu_seconds: float
    made: dict[str, str]
    without: tuple[str, ...] = ()


def key(context: Context) -> dict[str, Any]:
    """What decides the answer of a part."""
    study, part, code = context.study, context.part, context.code
    datasets = {name: _id(dataset_path(context.out, name)) for name in study.data_of(part)}
    return {
        "code": code_version(study.system),
        "measure": part.measure,
        "arms": {role: [_arm_key(context, arm) for arm in context.arms(role)] for role in part.arms},
        "data": {"id": _id(data_path(context.out)), **study.data.model_dump(mode="json")},
        "datasets": datasets,
        "options": {name: context.option(name) for name in code.options},
    }


def _arm_key(context: Context, arm: Arm) -> dict[str, Any]:
    trained = arm.kind == "vae"
    of = _run_id(run_path(context.out, arm.name)) if trained else context.study.settings(arm).model_dump(mode="json")
    return {"name": arm.name, "label": arm.label, "data": arm.data, "of": of}


def _id(folder: Path) -> str:
    return artefacts.read_manifest(folder).id


def _run_id(folder: Path) -> str:
    """As `Run.id`, which a second training of the same settings gives again, whatever it costs."""
    return str(artefacts.read_manifest(folder).files["state.safetensors"]["sha256"])


@cache
def code_version(system: str) -> str:
    """Version of beable, and the sum of all source files that can change an answer of a system's parts."""
    spine = Path(__file__).parents[1]
    digest = sha256()
    for name, path in sorted(_sources(spine, SHOWING) | _sources(_home(system), SHOWING_OF_SYSTEM)):
        digest.update(f"{name}\n{artefacts.sha256(path.read_bytes())}\n".encode())
    return f"{version('beable')}+{digest.hexdigest()}"


def _sources(root: Path, without: tuple[str, ...]) -> set[tuple[str, Path]]:
    """Source files under a folder, or a file itself, with their names there."""
    if root.is_file():
        return {(root.name, root)}
    inside = ((path.relative_to(root), path) for path in root.rglob("*.py"))
    return {(f"{root.name}/{name.as_posix()}", path) for name, path in inside if name.parts[0] not in without}


def _home(system: str) -> Path:
    """The folder of a system, or its file if it is one module."""
    module = SYSTEMS[system].simulator.partition(":")[0]
    found = find_spec(module)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent if "." in module else Path(found.origin)


def _folder(context: Context) -> Path:
    return context.out / "answers" / context.part.name


def is_kept(context: Context) -> bool:
    """Whether the answer of a part is there, for its runs, data, options and code."""
    folder = _folder(context)
    return (folder / artefacts.MANIFEST).exists() and artefacts.read_manifest(folder).about["key"] == key(context)


def can_be_more(context: Context) -> bool:
    """Whether a library is there without which a kept answer was measured."""
    without = artefacts.read_manifest(_folder(context)).about.get("without", ())
    return any(name in context.code.libraries and find_spec(name) for name in without)


def keep(context: Context, answer: Answer, cpu_seconds: float) -> None:
    """Keep the answer of a part, in place of an older one."""
    arrays: dict[str, Any] = {}
    plain = encode(answer, context.code.answer, arrays)
    final = _folder(context)
    with disk.building(final) as folder:
        json_files.write_json(folder / "answer.json", plain)
        array_files.write_arrays(folder / "arrays.safetensors", arrays)
        about = {"key": key(context), "cpu_seconds": cpu_seconds, "made": made(), "without": _without(context)}
        artefacts.seal(folder, KIND, VERSION, about)
        disk.remove(final)


def _without(context: Context) -> list[str]:
    return [name for name in context.code.libraries if find_spec(name) is None]


def load(context: Context) -> Answered:
    """The kept answer of a part.

    Raises:
        CorruptError: what is there is damaged.
    """
    folder = _folder(context)
    manifest = artefacts.check(folder, KIND, VERSION)
    plain = json_files.decode_json(artefacts.read_listed(folder, manifest, "answer.json"), folder / "answer.json")
    artefacts.read_listed(folder, manifest, "arrays.safetensors")  # its sum
    answer = decode(plain, context.code.answer, array_files.read_arrays(folder / "arrays.safetensors"))
    about = manifest.about
    without = tuple(about.get("without", ()))
    return Answered(context.part, answer, float(about["cpu_seconds"]), about.get("made", {}), without)
