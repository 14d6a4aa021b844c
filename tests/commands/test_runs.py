"""Verbs on runs: the data set found where it lay, pages in the run folder, show, cite, compare."""

import json
import os
import shlex
import shutil
import tomllib
import warnings
from pathlib import Path

import numpy as np
import pytest

from beable.analysis.compare import Subject, compare, lowest
from beable.commands.kinds import kind_at
from beable.datasets.store import Store
from beable.errors import UsageError
from beable.report import export
from beable.report.citations import beable_itself, citations, measures_in
from beable.report.page import Page
from beable.system import SYSTEMS
from beable.training.place import store_of
from beable.training.run import Run, train
from beable.training.settings import RunSettings

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # so short a training may learn nothing
ROOT = Path(__file__).parents[2]
USAGE, CORRUPT, OUTPUT = 2, 5, 73


def settings(**training):
    tree = {"members": 3, "steps": 30, "held_out": 40} | training
    return RunSettings.model_validate({"model": {"latents": 1}, "training": tree})


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A data set with factors, one without, and runs on them."""
    folder, rng = tmp_path_factory.mktemp("my runs"), np.random.default_rng(0)
    a, b = rng.normal(size=(2, 80, 1))
    x = np.linspace(0, 1, 12)
    wave = a * np.sin(3 * x) + 0.2 * b * np.cos(5 * x)
    store = Store.from_arrays(folder / "waves.zarr", {"height": wave}, {"a": a[:, 0], "b": b[:, 0]})
    Store.from_arrays(folder / "other.zarr", {"height": 2 * wave[::-1] + 1})
    train(store, folder / "run", settings())
    train(store, folder / "luck", settings(start="random", members=4))
    train(Store.open(folder / "other.zarr"), folder / "far", settings())
    return folder


@pytest.fixture
def folder(made, tmp_path, monkeypatch):
    """A copy to work in."""
    shutil.copytree(made, tmp_path / "my work")
    monkeypatch.chdir(tmp_path / "my work")
    return tmp_path / "my work"


@pytest.fixture
def tiny(monkeypatch):
    """Pages of one sentence, where what a page shows does not matter."""
    monkeypatch.setattr("beable.report.run.run_page", lambda *about: Page("A page", "It works."))


# Where the data set lies


def test_the_data_set_is_found_where_it_lay(beable, folder):
    found = [beable(*words, "--json") for words in (("evaluate", "run"), ("evaluate", "run", "waves.zarr"))]
    assert found[0] == found[1]
    assert found[0][0] == 0
    assert json.loads(beable("score", "run", "--json")[1])["compared_with"] == 40


def test_it_moves_with_the_run(beable, folder, tmp_path, monkeypatch):
    (folder.parent / "elsewhere").mkdir()
    shutil.move(folder / "run", folder.parent / "elsewhere" / "run")
    shutil.move(folder / "waves.zarr", folder.parent / "elsewhere" / "waves.zarr")
    monkeypatch.chdir(tmp_path)
    assert beable("evaluate", "elsewhere/run", "--json")[0] == 0


def test_one_that_is_gone_is_asked_for_in_one_line(beable, folder, made, monkeypatch):
    monkeypatch.setattr("beable.training.place._opened", lambda path: None)
    code, out, err = beable("evaluate", "run")
    assert (code, out, err.count("\n")) == (USAGE, "", 1)
    assert "name the data set after the run" in err


def test_another_one_in_its_place_is_not_taken(folder):
    run = Run.load("run")
    metadata = dict(run.metadata) | {"store_place": {"from_run": "../other.zarr", "given": "other.zarr"}}
    with pytest.raises(UsageError, match=r"another data set lies at other\.zarr\): name the data set after the run"):
        store_of(Path("run"), metadata)
    metadata["store_place"] = {"from_run": "../nothing.zarr", "given": "gone.zarr"}
    with pytest.raises(UsageError, match=r"nothing lies at nothing\.zarr or gone\.zarr"):
        store_of(Path("run"), metadata)
    metadata["store_place"] = {"from_run": "../nothing.zarr", "given": "waves.zarr"}
    assert store_of(Path("run"), metadata).id == run.metadata["store"]
    del metadata["store_place"]
    with pytest.raises(UsageError, match="the run has no record of where its data set lay"):
        store_of(Path("run"), metadata)


# Pages


def test_a_page_lies_in_the_run_folder_and_the_run_stays_whole(undrawn, beable, folder):
    code, out, _ = beable("report", "run")
    assert code == 0
    page = (folder / "run" / "report.html").read_text()
    assert "height" in page
    assert Run.load("run").members == 3
    assert shlex.split(out.splitlines()[-2].removeprefix("next: "))[:3] == ["beable", "open", "run/report.html"]
    assert beable("report", "run")[0] == 0  # its own page is written over
    for place in (folder, folder.parent, Path.home()):
        assert str(place) not in page
    assert (
        beable("fit", "waves.zarr", "-o", "run", "--latents", 1, "--members", 3, "--steps", 30, "--held-out", 40)[0]
        == 0
    )


def test_any_other_stray_file_is_still_one(folder):
    (folder / "run" / "notes.txt").write_text("mine")
    with pytest.raises(Exception, match=r"notes\.txt: not in the manifest"):
        Run.load("run")


def test_a_foreign_file_is_not_written_over(tiny, beable, folder):
    (folder / "own.html").write_text("<p>years of work</p>")
    code, out, err = beable("report", "run", "-o", "own.html")
    assert (code, out) == (OUTPUT, "")
    assert "--force" in err
    assert (folder / "own.html").read_text() == "<p>years of work</p>"
    assert beable("report", "run", "-o", "own.html", "--force")[0] == 0
    assert beable("report", "run", "-o", "own.txt")[0] == USAGE


def test_figures_and_tables_leave_the_page(blank, beable, folder, monkeypatch):
    """The first figure as it is drawn; the others, blank, are drawn where they are tested."""
    draw, begun = export.saved, []

    def first_alone(figure, kind):
        begun.append(figure)
        return draw(figure, kind) if figure is begun[0] else b"blank"

    monkeypatch.setattr(export, "saved", first_alone)
    code, out, _ = beable("report", "run", "--figures", "drawn", "--format", "svg", "png", "--json")
    assert code == 0
    names = sorted(path.name for path in (folder / "drawn").iterdir())
    assert sorted(Path(file).name for file in json.loads(out)["figures"]) == names
    assert {"figure-1.svg", "figure-1.png", "figure-2.svg", "table-1.csv"} <= set(names)
    assert b"<svg" in (folder / "drawn" / "figure-1.svg").read_bytes()
    assert (folder / "drawn" / "figure-1.png").read_bytes().startswith(b"\x89PNG")
    assert "known: pdf, png, svg" in beable("report", "run", "--figures", "drawn", "--format", "gif")[2]


def test_a_pdf_needs_chromium(tiny, beable, folder, monkeypatch):
    monkeypatch.setenv("PATH", str(folder))
    code, _, err = beable("report", "run", "-o", "page.pdf")
    assert (code, err.count("\n")) == (USAGE, 1)
    assert "none of chromium, chromium-browser, google-chrome" in err
    assert not (folder / "page.pdf").exists()


def test_a_pdf_is_printed_without_network(tiny, beable, folder, monkeypatch):
    (folder / "bin").mkdir()
    program = folder / "bin" / "chromium"
    program.write_text(
        '#!/bin/sh\necho "$@" > "$0.words"\nfor w in "$@"; do case $w in --print-to-pdf=*) '
        "printf '%%PDF-1.4 page' > \"${w#--print-to-pdf=}\";; esac; done\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}/bin{os.pathsep}{os.environ['PATH']}")
    assert beable("report", "run", "-o", "page.pdf")[0] == 0
    assert (folder / "page.pdf").read_bytes() == b"%PDF-1.4 page\n% made by beable\n"
    assert "--host-resolver-rules=MAP * ~NOTFOUND" in Path(f"{program}.words").read_text()
    program.write_text("#!/bin/sh\necho no display >&2\nexit 3\n")
    code, _, err = beable("report", "run", "-o", "page.pdf")
    assert code == OUTPUT
    assert "made no PDF (no display)" in err


# show


def test_show_says_what_a_run_is(beable, folder):
    code, out, err = beable("show", "luck")
    assert (code, err) == (0, "")
    for words in (
        "luck is a run: 4 members with 1 latent, trained on height as modes, 40 rows for 30 of at most 30 steps.",
        "training.start = random",
        "waves.zarr",
        "40 of 80 rows, drawn at random",
        "next: beable evaluate luck",
    ):
        assert words in out
    told = json.loads(beable("show", "luck", "--json")[1])
    assert (told["kind"], told["members"], told["pages"]) == ("run", 4, [])
    assert told["changed"]["training.start"] == "random"
    assert "model.prior" not in told["changed"]


def test_show_tells_kinds_apart(beable, folder):
    (folder / "way").mkdir()
    (folder / "way" / "request.json").write_bytes((folder / "run" / "request.json").read_bytes())
    (folder / "way" / "checkpoints" / "step-00000020").mkdir(parents=True)
    assert "waves.zarr is a data set" in beable("show", "waves.zarr")[1]
    assert "its last checkpoint is at step 20 of 30" in beable("show", "way")[1]
    (folder / "mine.html").write_text("<p>mine</p>")
    for path in ("mine.html", "way/checkpoints"):
        code, _, err = beable("show", path)
        assert code == CORRUPT
        assert "not a data set, run, study, results.json or page of beable" in err
    assert beable("show", "nowhere")[0] == USAGE


def test_show_reads_a_study(beable, folder, small_darcy):
    from beable.studies.study import parse

    study = parse(small_darcy, "small-darcy").model_dump(mode="json")
    (folder / "study").mkdir()
    (folder / "study" / "study.json").write_text(
        json.dumps({"study": study, "preset": "quick", "files": [], "changes": {}})
    )
    code, out, _ = beable("show", "study")
    assert code == 0
    arms = [arm["name"] for arm in study["arms"] if arm["kind"] == "vae"]
    assert f"0 of {len(arms)} arms trained" in out
    assert arms[0] in out
    claim = {"arm": "a", "measure": "m", "source": [1, 2], "ours": [0, 2], "reproduced": {"answer": "cannot be told"}}
    number = {"words": "error", "source": 0.1, "ours": 0.2, "agrees": False}
    results = {"study": "s", "preset": "quick", "parts": {}, "counts": [claim], "expected": [number]}
    (folder / "study" / "results.json").write_text(json.dumps(results))
    out = beable("show", "study/results.json")[1]
    assert ["a:", "m", "1/2", "0/2", "cannot", "be", "told"] in [line.split() for line in out.splitlines()]
    assert ["error", "0.1", "0.2", "no"] in [line.split() for line in out.splitlines()]
    assert "jacobsen2022disentangling" in beable("cite", "study")[1]


def test_data_info_of_a_run_leads_to_show(beable, folder):
    code, _, err = beable("data", "info", "run")
    assert code == CORRUPT
    assert "a run, where a data set is expected: beable show run" in err


def test_a_page_is_opened(tiny, beable, folder, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", lambda uri: opened.append(uri) or True)
    code, _, err = beable("open", "run")
    assert code == USAGE
    assert "no page lies there: make it by beable report" in err
    beable("report", "run")
    assert beable("open", "run")[0] == beable("open", "run/report.html")[0] == 0
    assert opened == [(folder / "run" / "report.html").as_uri()] * 2
    assert kind_at(Path("run/report.html")) == "page"


# cite


def keys(text):
    return [line.partition("{")[2].rstrip(",") for line in text.splitlines() if line.startswith("@")]


def test_cite_names_the_methods_that_a_run_uses(beable, folder):
    found = keys(beable("cite", "run")[1])
    assert found[:2] == ["beable", "kingma2014auto"]
    assert "hyvarinen2000independent" in found
    assert "hyvarinen2000independent" not in keys(beable("cite", "luck")[1])  # it starts at random
    assert keys(beable("cite")[1]) == ["beable"]
    assert json.loads(beable("cite", "run", "--json")[1])["references"][0]["key"] == "beable"


@pytest.mark.parametrize(
    ("tree", "key"),
    [
        ({"objective": {"beta": {"beta": 4.0}}}, "higgins2017beta"),
        ({"objective": {"beta": {"kind": "cyclical"}}}, "fu2019cyclical"),
        ({"model": {"prior": "hierarchical"}}, "klushyn2019learning"),
        ({"model": {"network": "points"}}, "zaheer2017deep"),
        ({"representation": {"kind": "modes"}}, "sirovich1987turbulence"),
        ({"model": {"variance": "closed"}}, "rybkin2021simple"),
        ({"training": {"start": "support"}}, "roth2023disentanglement"),
        ({"model": {"prior": "vamp"}}, "tomczak2018vae"),
        ({"model": {"quantised": 5}}, "hsu2023disentanglement"),
        ({"objective": {"regulariser": {"kind": "mmd"}}}, "zhao2019infovae"),
        ({"objective": {"regulariser": {"kind": "factor"}}}, "kim2018disentangling"),
        ({"objective": {"regulariser": {"kind": "total-correlation"}}}, "chen2018isolating"),
        ({"objective": {"regulariser": {"kind": "hausdorff"}}}, "roth2023disentanglement"),
    ],
)
def test_each_method_is_cited_where_it_is_used(tree, key):
    plain = {"model": {"variance": "fixed"}, "training": {"start": "random"}}
    assert key not in [r.key for r in citations(RunSettings.model_validate(plain))]
    assert key in [r.key for r in citations(RunSettings.model_validate(tree))]


def test_measures_are_cited_by_their_names():
    results = {"arms": {"a": {"s_d": [1.0]}}, "rows": [{"metric": "mig_knn"}, {"metric": "dci"}], "unheard_of": 1}
    found = {r.key for r in citations(measures=measures_in(results))}
    assert found == {"beable", "jacobsen2022disentangling", "chen2018isolating", "eastwood2018framework"}


def test_every_entry_is_whole():
    every = [r for s in SYSTEMS.values() for r in s.cite] + citations(
        RunSettings.model_validate({"objective": {"beta": {"beta": [1.0, 2.0]}}, "model": {"network": "points"}}),
        measures=["mig", "dci", "sap", "udr", "irs", "factor_vae", "beta_vae", "s_d"],
    )
    for reference in every:
        assert reference.author
        assert reference.title
        assert reference.bibtex().count("{") == reference.bibtex().count("}")
        assert reference.title in reference.line()
        assert reference.kind != "article" or reference.journal


def test_the_citation_file_has_the_same_facts():
    text, own = (ROOT / "CITATION.cff").read_text(), beable_itself()
    for fact in (f'title: "{own.title}"', f"version: {own.version}", f"license: {own.note}"):
        assert f"\n{fact}\n" in text
    assert f"- name: {own.author.strip('{}')}\n" in text
    source = SYSTEMS["darcy"].cite[0]
    cited = text.partition("references:")[2]
    assert f"title: {source.title}".lower() in cited.lower()
    for family in ("Jacobsen", "Duraisamy"):
        assert f"family-names: {family}" in cited
        assert family in source.author
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["license"] == own.note


# compare


def test_compare_says_what_differs(beable, folder):
    code, out, err = beable("compare", "run", "luck")
    assert (code, err) == (0, "")
    assert ["training.start", "ica", "random"] in [line.split() for line in out.splitlines()]
    assert "Judged on " in out
    assert "next: beable compare run luck -o compare.html" in out
    told = json.loads(beable("compare", "run", "luck", "--json")[1])
    assert set(told["differing"]) == {"training.members", "training.start"}
    assert told["same_data"]["answer"] == "yes"
    assert len(told["error"]["luck"]) == 4


def test_compare_writes_a_page(undrawn, beable, folder):
    assert beable("compare", "run", "luck", "-o", "compare.html")[0] == 0
    html = (folder / "compare.html").read_text()
    for words in ("run, luck beside each other", "training.start", "Settings that differ", "beable compare run luck"):
        assert words in html
    assert html.count("</svg>") == 3
    (folder / "mine.html").write_text("mine")
    assert beable("compare", "run", "luck", "-o", "mine.html")[0] == OUTPUT


def test_runs_on_other_data_are_refused_unless_any_will_do(beable, folder):
    code, _, err = beable("compare", "run", "far")
    assert code == USAGE
    assert "far: trained on another data set than run" in err
    code, out, _ = beable("compare", "run", "far", "--any-data")
    assert code == 0
    assert "The runs were trained on different data sets" in out
    assert "No run is shown to be the best" in out


def test_runs_are_judged_on_rows_that_none_learned_from(folder):
    store = Store.open("waves.zarr")
    train(store, "seed", settings(seed=1))
    runs = [Subject(name, Run.load(name), store) for name in ("run", "seed")]
    found = compare(runs, agreement=False)
    common = np.intersect1d(runs[0].run.held_rows, runs[1].run.held_rows)
    assert 9 <= len(common) < 40
    np.testing.assert_array_equal(found.evaluations["run"].rows, common)
    np.testing.assert_array_equal(found.evaluations["seed"].rows, common)


def test_a_run_beside_itself_is_refused(beable, folder):
    assert "a run stands there twice" in beable("compare", "run", "./run")[2]


def test_which_run_is_better_is_told_by_its_members_alone():
    """Of runs with one law of errors at most one in twenty is called better; of clearly better ones nearly all are."""
    alike = better = 0
    for seed in range(100):
        draws = np.random.default_rng(seed).lognormal(size=(3, 8))
        alike += lowest({"a": draws[0], "b": draws[1]}).answer is True
        better += lowest({"a": draws[0], "b": 20 * draws[2]}).answer is True
    assert alike <= 12  # 5 expected; more than 12 has a probability of 3 in 10,000
    assert better >= 95


def test_answers_warn_of_nothing_they_do_not_say(beable, folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert beable("show", "run")[0] == 0
