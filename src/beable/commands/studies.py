"""The verbs of `study`: list what there is, show one, run one."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from beable.commands.output import show
from beable.commands.progress import progress
from beable.studies import study as pages


def list_(*, json: bool = False) -> None:
    """Name the studies that come with beable.

    Parameters
    ----------
    json
        Print them as JSON.
    """
    show({name: pages.load(name).title for name in pages.names()}, json=json)


def show_(name: str, /, *, json: bool = False) -> None:
    """Show what a study asks, its arms and the source's numbers.

    Parameters
    ----------
    name
        Name of the study.
    json
        Print its whole page of settings as JSON.
    """
    study = pages.load(name)
    if json:
        show(study.model_dump(mode="json"), json=True)
        return
    show(
        {
            "title": study.title,
            "source": study.source,
            "question": study.question,
            "arms": {arm.name: arm.label for arm in study.arms},
            "presets": ", ".join(study.presets),
            "the source says": [f"{e.count} of {e.trials} {e.measure}: {e.words}" for e in study.expected],
        },
        json=False,
    )


def run(
    name: str,
    /,
    *,
    preset: str = "quick",
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    workers: int | None = None,
    json: bool = False,
) -> None:
    """Run a study from nothing to its report, or from where it was interrupted.

    Parameters
    ----------
    name
        Name of the study.
    preset
        quick or full.
    output
        Folder for everything; by default named after study and preset.
    workers
        Processes; all cores by default.
    json
        Print results as JSON.
    """
    from beable.files import atomic_write
    from beable.report.of_study import study_page
    from beable.report.page import render
    from beable.studies.run import run_study

    out = output or Path(f"{name}-{preset}")
    study = pages.load(name).with_preset(preset)
    finished = run_study(study, preset, out, workers=workers, stage=lambda label: progress(label, quiet=json))
    command = f"beable study run {name} --preset {preset}"
    page = study_page(study, finished, command)
    path = out / "report.html"
    atomic_write(path, render(page).encode())
    if json:
        show(finished.results | {"report": str(path.resolve())}, json=True)
        return
    for e in finished.results["expected"]:
        print(
            f"{e['arm']}: {e['measure']}: source {e['source'][0]}/{e['source'][1]}, ours {e['ours'][0]}/{e['ours'][1]}"
        )
    print(path.resolve())
