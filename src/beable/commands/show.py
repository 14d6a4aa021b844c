"""The verbs show and open: what a data set, run, study, result file or page is, and its page in the browser."""

import json as json_format
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from beable.commands import kinds
from beable.console.numbers import many, number, span, typed
from beable.console.output import show
from beable.console.progress import progress
from beable.console.tables import facts, next_step, table, tell
from beable.errors import UsageError
from beable.files import artefacts, json_files

PAGE = "report.html"


def show_(path: Path, /, *, json: bool = False) -> None:
    """Say what a data set, run, study, results.json or page is, and its main facts.

    Args:
        path: Folder or file.
        json: Print the facts as JSON.
    """
    found = kinds.kind_at(path)
    with progress("show", quiet=json, first=f"reading the {found}"):
        about = READ[found](path)
    if json:
        show({"path": path, "kind": found, **about}, json=True)
        return
    SAY[found](path, about)


# Data sets


def _store(path: Path) -> dict[str, Any]:
    from beable.datasets.store import Store

    return Store.open(path).info()


def _say_store(path: Path, about: Mapping[str, Any]) -> None:
    from beable.commands.data import say_origin, say_store
    from beable.datasets.store import Store

    store = Store.open(path)
    tell(f"{path} is a data set.")
    say_store(store)
    say_origin(store)
    next_step((["data", "info", path], "with a look at all of its rows"), (["fit", path, "-o", "run"], "train on it"))


# Runs


def _run(path: Path) -> dict[str, Any]:
    """What the record of a run says; parameters are not read."""
    from beable.training.form import checked, refuse_manifest

    about, manifest = json_files.read_json(path / "run.json"), artefacts.read_manifest(path)
    refuse_manifest(manifest, path)
    checked(about, path / "run.json")
    return {
        "id": manifest.files["state.safetensors"]["sha256"],
        "members": len(about["members"]),
        "latents": about["settings"]["model"]["latents"],
        "steps": about["steps"],
        "asked_steps": about["settings"]["training"]["steps"],
        "variables": about["variables"],
        "representation": about["settings"]["representation"]["kind"],
        "rows": len(about["train_rows"]),
        "held_rows": len(about["held_rows"]),
        "held_out": (about.get("held_out") or {}).get("words"),
        "strangers": (about.get("strangers") or {}).get("verdict"),
        "training_error": about.get("training_error"),
        "cpu_seconds": manifest.about["cpu_seconds"],
        "store": about["store"],
        "store_place": about.get("store_place"),
        "changed": changed(about["settings"]),
        "versions": about["versions"],
        "pages": [name for name in (PAGE, "report.pdf") if (path / name).is_file()],
    }


def changed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that differ from the defaults, by dotted names.

    >>> changed({"model": {"latents": 3, "prior": "standard"}})
    {'model.latents': 3}
    """
    from beable.settings import leaves
    from beable.training.settings import RunSettings

    usual = dict(leaves(json_format.loads(RunSettings().model_dump_json())))
    return {name: value for name, value in leaves(settings) if usual.get(name) != value}


def _say_run(path: Path, about: Mapping[str, Any]) -> None:
    place = about["store_place"] or {}
    tell(
        f"{path} is a run: {many(about['members'], 'member')} with {many(about['latents'], 'latent')}, trained on "
        f"{', '.join(about['variables'])} as {about['representation']}, {many(about['rows'], 'row')} for "
        f"{about['steps']:,} of at most {about['asked_steps']:,} steps."
    )
    errors = [e for e in about["training_error"] or () if e is not None]
    strangers = about["strangers"]
    facts(
        {
            "data set": f"{about['store'][:12]}, {place.get('given', 'its place was not recorded')}",
            "held out": str(about["held_out"] or many(about["held_rows"], "row")),
            "held-out rows are strangers": f"{strangers['answer']}: {strangers['reason']}" if strangers else "–",
            "error on training rows": span(errors) if errors else "–",
            "CPU time": f"{number(about['cpu_seconds'])} s",
            "settings changed": _changed_words(about["changed"]),
            "pages": ", ".join(about["pages"]) or "none",
            "versions": ", ".join(f"{name} {number_}" for name, number_ in about["versions"].items()),
            "id": about["id"][:12],
        }
    )
    steps = [(["evaluate", path], "judge it on held-out rows"), (["report", path], "a page with figures")]
    next_step(*([(["open", path], "its page")] if about["pages"] else steps))


def _changed_words(changed: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {_word(value)}" for name, value in changed.items()) or "none"


def _word(value: Any) -> str:
    words = "none" if value is None else typed(value) if isinstance(value, float) else json_format.dumps(value)
    return words.strip('"')


def _training(path: Path) -> dict[str, Any]:
    from beable.training.form import checked_request

    asked = json_files.read_json(path / "request.json")
    checked_request(asked, path / "request.json")
    names = (p.name.removeprefix("step-") for p in (path / "checkpoints").glob("step-*"))
    steps = [int(name) for name in names if name.isdecimal()]
    return {
        "step": max(steps, default=0),
        "steps": asked["settings"]["training"]["steps"],
        "store": asked["store"],
        "changed": changed(asked["settings"]),
    }


def _say_training(path: Path, about: Mapping[str, Any]) -> None:
    tell(
        f"{path} is a training that is under way or was interrupted: its last checkpoint is at step {about['step']:,} "
        f"of {about['steps']:,}. The command that began it takes it up again."
    )
    facts({"data set": about["store"][:12], "settings changed": _changed_words(about["changed"])})


# Studies


def _study(path: Path) -> dict[str, Any]:
    """What a folder of a study says, finished or not."""
    from beable.studies.forms import request_of, results_at

    (study, asked), results = request_of(path), path / "results.json"
    arms = [arm.name for arm in study.arms if arm.kind == "vae"]
    about = {
        "study": study.name,
        "title": study.title,
        "source": study.source,
        "preset": asked.preset,
        "arms": {name: (path / "runs" / name / artefacts.MANIFEST).exists() for name in arms},
        "answers": {p.name: (path / "answers" / p.name).exists() for p in study.parts},
        "pages": [PAGE] if (path / PAGE).is_file() else [],
    }
    return about | (_claims(results_at(results)) if results.exists() else {"counts": [], "expected": []})


def _results(path: Path) -> dict[str, Any]:
    from beable.studies.forms import results_at

    found = results_at(path)
    return {"study": found["study"], "preset": found.get("preset"), **_claims(found)}


def _claims(results: Mapping[str, Any]) -> dict[str, Any]:
    return {"counts": results.get("counts", []), "expected": results.get("expected", [])}


def _say_study(path: Path, about: Mapping[str, Any]) -> None:
    arms, answers = about["arms"], about["answers"]
    state = f"{sum(arms.values())} of {many(len(arms), 'arm')} trained, {sum(answers.values())} of "
    tell(f"{path} is a study, {about['preset']} preset: {about['title']}")
    tell(f"  {state}{many(len(answers), 'part')} answered.")
    facts({"source": about["source"], "pages": ", ".join(about["pages"]) or "none"})
    missing = [name for name, done in arms.items() if not done]
    if missing:
        tell(f"  not trained: {', '.join(missing)}")
    _say_claims(about)
    open_ = [(["open", path], "its page")] if about["pages"] else []
    next_step(*open_, (["cite", path], "what to cite"))


def _say_results(path: Path, about: Mapping[str, Any]) -> None:
    tell(f"{path} holds the numbers of the study {about['study']}, {about['preset']} preset.")
    _say_claims(about)


def _say_claims(about: Mapping[str, Any]) -> None:
    """Numbers of the source beside those of this study."""
    cells = []
    for claim in about["counts"]:
        told = claim.get("reproduced", {}).get("answer", "–")
        shares = ["/".join(map(str, claim[name])) if isinstance(claim.get(name), list) else "–" for name in BOTH]
        cells.append([f"{claim['arm']}: {claim['measure']}", *shares, told])
    for claim in about["expected"]:
        told = {True: "yes", False: "no"}.get(claim.get("agrees"), "cannot be told")
        cells.append([str(claim["words"])[:60], typed(claim["source"]), typed(claim["ours"]), told])
    if cells:
        table(["claim", "source", "here", "agrees"], cells)


BOTH = ("source", "ours")


# Pages


def _page(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size}


def _say_page(path: Path, about: Mapping[str, Any]) -> None:
    tell(f"{path} is a page that beable wrote, {number(about['bytes'] / 1e6)} MB.")
    next_step((["open", path], "look at it"))


READ = {
    kinds.STORE: _store,
    kinds.RUN: _run,
    kinds.TRAINING: _training,
    kinds.STUDY: _study,
    kinds.RESULTS: _results,
    kinds.PAGE: _page,
}
SAY = {
    kinds.STORE: _say_store,
    kinds.RUN: _say_run,
    kinds.TRAINING: _say_training,
    kinds.STUDY: _say_study,
    kinds.RESULTS: _say_results,
    kinds.PAGE: _say_page,
}


def open_(path: Path, /) -> None:
    """Open the page of a run or study in the browser.

    Args:
        path: Folder of a run or study, or a page.
    """
    import webbrowser

    found = kinds.kind_at(path)
    page = path / PAGE if path.is_dir() else path
    if not page.is_file() or page.suffix not in (".html", ".pdf"):
        way = {kinds.RUN: "beable report", kinds.STUDY: "beable study report"}.get(found, "beable report RUN")
        raise UsageError(f"{path}: no page lies there: make it by {way}")
    if not webbrowser.open(page.resolve().as_uri()):
        raise UsageError(f"{page}: no browser was found: open the file in one")
    tell(f"opened {page}")
