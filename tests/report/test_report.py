"""The page: nothing a user names becomes markup, nothing is fetched, the same page gives the same bytes."""

import base64
import hashlib
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from functools import cache
from html import unescape
from html.parser import HTMLParser
from itertools import takewhile
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pytest
from browser import complaints, dumped, in_a_browser

import beable.report.html as report
from beable.errors import UsageError
from beable.report.export import export
from beable.report.figures.codes import posterior_and_factors
from beable.report.figures.fields import fields as maps
from beable.report.figures.scores import scores
from beable.report.html import render
from beable.report.page import Cell, Figure, Fold, Page, Section, Symbol, Table, symbols
from beable.report.pictures import Picture, picture
from beable.report.tables import as_csv, pieces

HOSTILE = [
    "<script>hacked()</script>",
    "<script src=https://evil.test/x.js></script>",
    "<ScRiPt>hacked()</sCrIpT>",
    "<scr<script>ipt>hacked()</scr</script>ipt>",
    "</style><script>hacked()</script>",
    "</title><script>hacked()</script>",
    "</p></section></main><script>hacked()</script>",
    "--><script>hacked()</script>",
    "]]><script>hacked()</script>",
    "<!--",
    "<![CDATA[<script>hacked()</script>]]>",
    "<?xml version='1.0'?><script>hacked()</script>",
    "<img src=x onerror=hacked()>",
    "<img src='https://evil.test/x.png'>",
    "<img/src=x/onerror=hacked()>",
    "<img src=x onerror=\thacked()>",
    "<svg onload=hacked()>",
    "<svg><script>hacked()</script></svg>",
    "<svg><a xlink:href='javascript:hacked()'><text>x</text></a></svg>",
    "<math><mtext></math><img src=x onerror=hacked()>",
    "<body onload=hacked()>",
    "<iframe src=javascript:hacked()>",
    "<iframe srcdoc='<script>parent.hacked()</script>'>",
    "<object data=https://evil.test/x.swf>",
    "<embed src=https://evil.test/x.swf>",
    "<link rel=stylesheet href=https://evil.test/x.css>",
    "<style>@import 'https://evil.test/x.css';</style>",
    "<style>body{background:url(https://evil.test/x)}</style>",
    "<base href=https://evil.test/>",
    "<meta http-equiv=refresh content='0;url=https://evil.test/'>",
    "<form action=https://evil.test/><button>go</button></form>",
    "<input autofocus onfocus=hacked()>",
    "<details open ontoggle=hacked()>",
    "<video><source onerror=hacked()></video>",
    "<audio src=x onerror=hacked()>",
    "<a href=javascript:hacked()>x</a>",
    "<a href='data:text/html,<script>hacked()</script>'>x</a>",
    "<template><script>hacked()</script></template>",
    "<noscript><p title='</noscript><img src=x onerror=hacked()>'>",
    "<textarea></textarea><script>hacked()</script>",
    '" onmouseover="hacked()',
    "' onmouseover='hacked()",
    '" autofocus onfocus=hacked() x="',
    '"><img src=x onerror=hacked()>',
    "'><svg/onload=hacked()>",
    "` onmouseover=`hacked()",
    "javascript:hacked()",
    "{{ ''.__class__.__mro__ }}{% for x in y %}",
    "&lt;script&gt;hacked()&lt;/script&gt;&#60;img src=x&#62;",
    "\x00<\x00script>hacked()\u2028</script>\ud800",
]
BENIGN = "pressure"
SUPPORT = Path(__file__).parents[1] / "support"
FIELD = np.add.outer(np.linspace(-1, 1, 9), np.linspace(0, 1, 9))
NODES = np.linspace(0, 1, 9)


@cache
def lines(name: str = BENIGN) -> Any:
    return scores({name: np.array([0.6, 0.9])}, 0.97, 0.72, (0.52, 0.96), "$S_D$")


@cache
def field(name: str = BENIGN) -> Any:
    return maps([FIELD[None]], [name], ["Pa"], NODES, NODES, scales=["signed"])


def page(word: str = BENIGN, drawn: bool = False) -> Page:
    """A page that carries one word in every place a user can name something."""
    named = (Symbol(word, word), word)
    table = Table(word, (word, named), [(word, Cell(named, "good")), (Cell(word, "miss"), named)], align="lr")
    items: tuple[Figure | Table, ...] = (table, replace(table, caption=named))
    if drawn:
        items += (Figure(field(word), word, word), Figure(lines(word), named, f"{word}."))
    folds = (Fold(word, (word, named), items[:1]), Fold(named, (named,), recorded=True))
    sections = [Section(word, (word, named), items, folds), Section(named, (named,)), Section(word), Section(word)]
    return Page(word, named, named, items[:1], sections, {word: word, f"{word} again": word}, (word,))


@cache
def as_html(word: str = BENIGN, drawn: bool = False) -> str:
    """Such a page as HTML, made once: to draw its figures takes a second."""
    return render(page(word, drawn))


@cache
def pictured(drawn: Callable[[], Any], name: str = "f") -> Picture:
    """Such a figure as it stands in a page, drawn once."""
    return picture(drawn(), name)


class Skeleton(HTMLParser):
    """The tags of a page and their attributes; of attributes that carry words only the name."""

    WORDS = ("alt", "aria-label", "data-label")

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple((name, self.kept(name, value)) for name, value in attrs)))
        self.words += [value or "" for name, value in attrs if name in self.WORDS]

    def kept(self, name: str, value: str | None) -> str | None:
        return "" if name in self.WORDS or str(value).startswith("data:text/csv") else value

    def handle_endtag(self, tag: str) -> None:
        self.tags.append((f"/{tag}", ()))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def handle_comment(self, data: str) -> None:
        self.tags.append(("!--", ()))

    def handle_decl(self, decl: str) -> None:
        self.tags.append((f"!{decl}", ()))

    def unknown_decl(self, data: str) -> None:
        self.tags.append(("![", ()))

    def handle_pi(self, data: str) -> None:
        self.tags.append(("?", ()))

    def values(self, *names: str) -> list[str]:
        return [value or "" for _, attributes in self.tags for name, value in attributes if name in names]


def readable(word: str) -> str:
    """A word as the page may show it: what is not text becomes the replacement sign."""
    return word.translate(report.CONTROL)


def test_the_list_of_hostile_words_is_fifty_long() -> None:
    assert len(HOSTILE) == len(set(HOSTILE)) == 50


@pytest.mark.parametrize("word", HOSTILE)
def test_no_word_changes_the_structure_of_the_page(word: str) -> None:
    expected, got = Skeleton(as_html()), Skeleton(render(page(word)))
    assert Counter(got.tags) == Counter(expected.tags)
    assert got.tags == expected.tags
    assert readable(word) in "".join(got.words)


def test_the_word_stands_in_every_field_a_user_can_name() -> None:
    closed = {"verdict", "align", "figure", "recorded"}  # refused unless known; drawn; yes or no
    found = {
        (type(record), f.name)
        for record in records(page("MARK", drawn=True))
        for f in fields(record)
        if marked(record, f)
    }
    kinds = (Page, Section, Fold, Table, Figure, Cell, Symbol)
    assert found == {(kind, f.name) for kind in kinds for f in fields(kind) if f.name not in closed}


def records(value: Any) -> Iterator[Any]:
    """A record and all the records in it."""
    if is_dataclass(value) and not isinstance(value, type):
        yield value
        value = [getattr(value, f.name) for f in fields(value)]
    if isinstance(value, Mapping):
        value = list(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        for part in value:
            yield from records(part)


def marked(record: Any, field: Any) -> bool:
    return "MARK" in str(getattr(record, field.name))


def test_an_unescaped_page_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    template = unescaped()
    monkeypatch.setattr(report, "_template", lambda: template)
    expected = Skeleton(render(page())).tags
    some = HOSTILE[::4]
    caught = [word for word in some if Skeleton(render(page(word))).tags != expected]
    assert len(caught) > 0.8 * len(some)


def unescaped() -> jinja2.Template:
    """The page's template as it must not be."""
    environment = jinja2.Environment(autoescape=False, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(report._source())


def test_names_inside_figures_change_nothing_either() -> None:
    word = HOSTILE[0] + HOSTILE[40] + HOSTILE[-1]
    assert names_only(as_html(word, drawn=True)) == names_only(as_html(drawn=True))


def names_only(html: str) -> list[tuple[str, list[str]]]:
    return [(tag, [name for name, _ in attributes]) for tag, attributes in Skeleton(html).tags]


def test_the_template_has_no_way_around_escaping() -> None:
    source = report._source()
    assert not re.search(r"\|\s*safe|Markup|autoescape|<script|javascript:|\son\w+=|\sstyle=", source)
    assert not re.search(r"=\s*\{\{", source)  # an attribute without quotes


# nothing is fetched


def test_the_page_points_nowhere_but_into_itself() -> None:
    html = as_html(drawn=True)
    skeleton = Skeleton(html)
    addresses = skeleton.values("src", "href", "srcset", "action", "data", "poster", "background", "formaction", "cite")
    assert addresses
    assert all(address.startswith(("data:image/png;", "data:text/csv;", "#")) for address in addresses if address)
    assert {a[:5] for a in re.findall(r"url\(([^)]*)\)", html)} <= {"#f1-", "#f2-"} | {f"#f{i}-p" for i in (1, 2)}
    assert "@import" not in html
    assert not {tag for tag, _ in skeleton.tags} & {"script", "iframe", "object", "embed", "link", "base", "form"}


def test_figures_point_nowhere_but_into_themselves() -> None:
    svg = pictured(lines).markup
    addresses = re.findall(r"""(?:href|src)\s*=\s*["']([^"']*)|url\(([^)]*)\)""", svg)
    assert addresses
    assert all((a or b).startswith("#") for a, b in addresses)
    assert "<script" not in svg


def test_every_link_of_the_contents_has_its_target() -> None:
    skeleton = Skeleton(render(page()))
    targets = [value.removeprefix("#") for value in skeleton.values("href") if value]
    ids = skeleton.values("id")
    assert targets == ids
    assert len(ids) == len(set(ids)) == 5


def test_a_short_page_has_no_contents() -> None:
    short = Page("A study", "It works.", sections=[Section("One"), Section("Two")])
    assert "nav" not in {tag for tag, _ in Skeleton(render(short)).tags}


def test_the_policy_allows_the_style_sheet_and_images_in_the_page_only() -> None:
    html = render(page())
    policy = unescape(html.split('Content-Security-Policy" content="')[1].split('"')[0])
    sheet = html.split("<style>")[1].split("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    assert dict(part.split(" ", 1) for part in policy.split("; ")) == {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": f"'sha256-{digest}'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert html.index("Content-Security-Policy") < html.index("<style>")
    assert html.index("charset") < 1024


# the same page, the same bytes


def test_the_same_page_gives_the_same_bytes() -> None:
    assert render(page(drawn=True)) == as_html(drawn=True)


def test_the_bytes_depend_neither_on_the_process_nor_on_the_user_s_style() -> None:
    """Nor on pyplot, which is not even imported; the user's style stays as it is."""
    code = (
        f"import importlib.util, sys, hashlib; sys.path.insert(0, {str(SUPPORT)!r})\n"
        "import matplotlib; matplotlib.rcParams['font.size'] = 30\n"
        f"spec = importlib.util.spec_from_file_location('t', {__file__!r})\n"
        "t = importlib.util.module_from_spec(spec); spec.loader.exec_module(t)\n"
        "print(hashlib.sha256(t.render(t.page(drawn=True)).encode()).hexdigest())\n"
        "print('matplotlib.pyplot' in sys.modules, matplotlib.rcParams['font.size'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [hashlib.sha256(as_html(drawn=True).encode()).hexdigest(), "False", "30.0"]


# what is shown


def test_a_page_without_anything_is_a_page() -> None:
    skeleton = Skeleton(render(Page("", "")))
    tags = {tag for tag, _ in skeleton.tags}
    assert {"html", "head", "body", "main", "h1"} <= tags
    assert not tags & {"section", "table", "figure", "nav", "ul", "dl", "details"}


@pytest.mark.parametrize("table", [Table("nothing", ("a", "b"), ()), Table("nothing at all", (), ())])
def test_an_empty_table_says_so(table: Table) -> None:
    assert "no rows" in Skeleton(render(Page("t", "l", sections=[Section("s", items=(table,))]))).words


def test_everything_said_is_on_the_page_in_order() -> None:
    table = Table("caption T", ("column A", symbols("S_D")), [("cell 1", Cell("cell 2", "good"))], "lr")
    fold = Fold("unfold me", ("text 3",), (Table("caption U", ("b",), [("cell 3",)]),))
    figure = Figure(lines(), "caption F", "alternative")
    sections = [Section("section 1", ("text 1", "", "text 2"), (table,), (fold,))]
    html = render(Page("the title", "the answer", "the scope", (figure,), sections, {"seed": "17"}, ("@misc{b}",)))
    said = "".join(Skeleton(html).words)
    top = ["the title", "the answer", "the scope", "alternative", "caption F", "section 1", "text 1", "text 2"]
    below = ["caption T", "column A", "SD", "cell 1", "cell 2", "unfold me", "text 3", "caption U", "cell 3"]
    below += ["seed", "17", "@misc{b}"]
    assert re.search(".*".join(top + below), said, re.DOTALL)
    assert "<p></p>" not in html


def test_figures_and_tables_are_counted_apart() -> None:
    said = " ".join("".join(Skeleton(as_html(drawn=True)).words).split())
    assert [said.count(f"{kind} {i}.") for kind in ("Figure", "Table") for i in (1, 2, 3)] == [1, 1, 0, 1, 1, 1]


def test_verdicts_and_alignment_become_classes() -> None:
    tags = Skeleton(render(page())).tags
    cells = [dict(attributes)["class"] for tag, attributes in tags if tag == "td"]
    assert cells == ["neutral left", "good right", "miss left", "neutral right"] * 4


def test_symbols_are_set_as_symbols() -> None:
    html = render(Page("t", symbols("the score S_D of z_12")))
    assert "the score <i>S</i><sub>D</sub> of <i>z</i><sub>12</sub>" in html


@pytest.mark.parametrize(
    "word", ["test_report.py", "a_long_name", "S_", "_D", "sha256_S_D", "snake_case", "S_Dxyz", ""]
)
def test_names_of_files_are_not_symbols(word: str) -> None:
    assert not [piece for piece in symbols(word) if isinstance(piece, Symbol)]


def test_a_symbol_without_an_index_has_none() -> None:
    assert "<i>K</i> is" in render(Page("t", (Symbol("K"), " is the permeability")))


def test_words_of_a_figure_are_words_of_the_page() -> None:
    html = as_html("a name", drawn=True)
    assert re.search(r"<text[^>]*>a name</text>", html)


def test_a_figure_has_no_style_that_the_policy_would_refuse() -> None:
    for figure in (lines, field):
        assert not re.search(r"\sstyle=|<style|<metadata", pictured(figure).markup)


def test_a_field_is_an_image_inside_its_figure() -> None:
    drawn = pictured(field)
    assert "data:image/png;base64," in drawn.markup
    assert "Pa</text>" in drawn.markup
    assert drawn.width <= 701


def test_names_inside_figures_do_not_meet_those_of_others() -> None:
    ids = [re.findall(r'id="([^"]*)"', pictured(lines, name).markup) for name in ("f", "f2")]
    assert ids[0]
    assert not set(ids[0]) & set(ids[1])


def test_lines_over_a_map_stay_white_in_the_dark() -> None:
    flow = maps([np.stack([FIELD, FIELD])[None]], ["flux"], ["m/s"], NODES, NODES)
    flow.set_layout_engine("none")
    markup = picture(flow).markup
    assert 'stroke="#ffffff"' in markup
    assert "var(--paper" in markup
    assert "var(--ink" in markup


def test_very_many_dots_become_an_image() -> None:
    z = np.random.default_rng(0).normal(size=(6000, 2))
    figure = posterior_and_factors(z)
    figure.set_layout_engine("none")
    drawn = picture(figure)
    assert len(drawn.markup) < 400_000
    assert "<text" in drawn.markup


# wide tables and files


def test_a_wide_table_loses_no_column() -> None:
    wide = Table("t", ["arm", *(f"quantity {i}" for i in range(20))], [["a", *map(str, range(20))]], "l" + "r" * 20)
    parts = pieces(wide)
    assert len(parts) > 1
    assert [c for part in parts for c in part.columns[1:]] == list(wide.columns[1:])
    assert [c for part in parts for c in part.rows[0][1:]] == list(wide.rows[0][1:])
    assert {part.columns[0] for part in parts} == {"arm"}


def test_a_file_of_numbers_runs_nothing_in_a_spreadsheet() -> None:
    table = Table("t", ["name", "value"], [["=HYPERLINK(1)", "−1"], ["@x", "+1"], ["a,b", 'say "x"']])
    assert as_csv(table) == 'name,value\n\'=HYPERLINK(1),−1\n\'@x,\'+1\n"a,b","say ""x"""\n'


REFUSED = {
    "a figure without words": lambda: Figure(None, "caption", " "),
    "an unknown verdict of a cell": lambda: Cell("1", "god"),
    "a verdict that would be markup": lambda: Cell("1", 'good" onclick="x'),
    "a ragged table": lambda: Table("t", ("a", "b"), [("1",)]),
    "an alignment too short": lambda: Table("t", ("a", "b"), [], "l"),
    "an unknown alignment": lambda: Table("t", ("a",), [], "x"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_shown_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        REFUSED[name]()


# in a browser

PROBE = """<!doctype html><meta charset="utf-8"><body><script type="application/json" id="pages">%s</script><script>
window.hacked = () => { window.attacks += 1; };
const groups = JSON.parse(document.getElementById("pages").textContent);
const show = ([name, html, width]) => new Promise(done => {
  const frame = document.createElement("iframe");
  frame.style.width = width + "px"; frame.style.height = "900px"; frame.style.border = "0";
  frame.srcdoc = html;
  frame.onload = () => {
    const doc = frame.contentDocument, root = doc.documentElement;
    const loads = frame.contentWindow.performance.getEntriesByType("resource").map(entry => entry.name);
    done([name, {
      overflow: root.scrollWidth - root.clientWidth,
      styled: frame.contentWindow.getComputedStyle(doc.body).maxWidth,
      figures: doc.querySelectorAll(".drawing > svg").length,
      wide: [...doc.querySelectorAll("figure > *")].filter(box => box.getBoundingClientRect().right > width).length,
      tags: [...doc.querySelectorAll("*")].map(tag => [tag.tagName, ...tag.getAttributeNames()].join(" ")),
      fetched: loads.filter(address => !address.startsWith("data:")),
    }]);
  };
  document.body.append(frame);
});
(async () => {
  const seen = {};
  for (const [name, pages] of Object.entries(groups)) {
    window.attacks = 0;
    const shown = Object.fromEntries(await Promise.all(pages.map(show)));
    await new Promise(done => setTimeout(done, 1000));  // what comes late is of this group too
    seen[name] = {attacks: window.attacks, ...shown};
    console.log("that was a group");
  }
  const told = document.createElement("pre");
  told.textContent = JSON.stringify(seen);
  document.body.replaceChildren(told);
})();
</script></body>"""


Seen = tuple[dict[str, Any], list[str]]


def browse(folder: Path, **groups: Sequence[tuple[str, str, int]]) -> dict[str, Seen]:
    """What a browser sees of groups of pages (name, html, width in px), and the lines its console shows for each."""
    shown, logged = dumped(folder, PROBE % json.dumps(groups).replace("<", "\\u003c"))
    told = json.loads(unescape(shown.split("<pre>")[1].split("</pre>")[0]))
    console = iter([line for line in logged.splitlines() if "CONSOLE" in line])
    return {
        name: (told[name], list(takewhile(lambda line: "that was a group" not in line, console))) for name in groups
    }


def all_hostile() -> Page:
    """One page with every hostile word in every place."""
    pages = [page(word) for word in HOSTILE]
    names = {f"{i} {key}": value for i, p in enumerate(pages) for key, value in p.provenance.items()}
    return Page("".join(HOSTILE), HOSTILE, HOSTILE, (), [s for p in pages for s in p.sections], names, HOSTILE)


def all_benign() -> Page:
    """The same page with a benign word everywhere."""
    pages = [page() for _ in HOSTILE]
    names = {f"{i} {key}": value for i, p in enumerate(pages) for key, value in p.provenance.items()}
    return Page(BENIGN, [BENIGN], [BENIGN], (), [s for p in pages for s in p.sections], names, [BENIGN] * len(HOSTILE))


def attacking() -> list[tuple[str, str, int]]:
    """Pages that do what no page may, made with a template that escapes nothing, beside one that does not."""
    fine = render(page())
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(report, "_template", unescaped)
        attack = render(page("<img src=http://127.0.0.1:1/x onerror=parent.hacked()>"))
    defenceless = attack.replace("Content-Security-Policy", "nothing")
    return [("attack", attack, 800), ("defenceless", defenceless, 800), ("fine", fine, 800)]


@pytest.fixture(scope="module")
def browsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen]:
    """What a browser sees of pages none of which may do anything, then of others, and what it logged."""
    long = "x" * 400
    wide = Table(long, ("column",) * 12, [("a number of words", *["0.966 ± 0.003"] * 11)], "l" + "r" * 11)
    drawn = page(drawn=True)
    drawn = replace(drawn, sections=(*drawn.sections, Section(long, (long,), (wide,))), provenance={long: long})
    drawn = replace(drawn, scope=long)
    html = render(drawn)
    broad = html.replace("</main>", f"<table><tr><td>{long}</td></tr></table></main>")
    words = (("hostile", render(all_hostile()), 800), ("benign", render(all_benign()), 800))
    harmless = (("phone", html, 375), ("desk", html, 1200), ("too broad", broad, 375), *words)
    return browse(tmp_path_factory.mktemp("browsed"), harmless=harmless, attacking=attacking())


@in_a_browser
def test_a_browser_shows_the_page_on_a_phone_and_fetches_nothing(browsed: dict[str, Seen]) -> None:
    seen, console = browsed["harmless"]
    assert console == []
    for name in ("phone", "desk"):
        assert seen[name]["overflow"] == seen[name]["wide"] == 0
        assert seen[name]["figures"] == 2
        assert seen[name]["styled"] != "none"
        assert seen[name]["fetched"] == []
    assert seen["too broad"]["overflow"] > 0


@in_a_browser
def test_a_browser_finds_nothing_in_hostile_words(browsed: dict[str, Seen]) -> None:
    seen, console = browsed["harmless"]
    assert console == []
    assert seen["attacks"] == 0
    assert seen["hostile"]["fetched"] == []
    assert seen["hostile"]["tags"] == seen["benign"]["tags"]


@in_a_browser
def test_a_browser_notices_what_must_not_happen(browsed: dict[str, Seen]) -> None:
    seen, console = browsed["attacking"]
    assert seen["attack"]["tags"] != seen["fine"]["tags"]
    assert any("Content Security Policy" in line for line in console)
    assert seen["defenceless"]["fetched"]
    assert seen["attacks"] > 0


@in_a_browser
def test_on_a_phone_a_figure_without_words_is_all_that_keeps_anybody_from_reading_the_page(tmp_path: Path) -> None:
    """All of it unfolded; of two figures the words of one are taken away, and nothing else is complained of."""
    html = as_html("a name", drawn=True)
    before, figure, after = html.partition('role="img" tabindex="0" aria-label="a name"')
    found = complaints(tmp_path, before + 'role="button" tabindex="0"' + after, 390)
    assert figure
    assert [line.split(":")[:2] for line in found] == [["aria-command-name", " 1"]]


# files of figures and tables


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Path]:
    """The files of a page."""
    return export(page("a name", drawn=True), tmp_path_factory.mktemp("exported") / "figures", ("svg", "pdf", "png"))


def test_figures_and_tables_leave_the_page_as_files(exported: Sequence[Path], tmp_path: Path) -> None:
    names = sorted(path.name for path in exported)
    figures = [f"figure-{i}.{kind}" for i in (1, 2) for kind in ("pdf", "png", "svg")]
    assert names == [*figures, "table-1.csv", "table-2.csv", "table-3.csv", "table-4.csv"]
    begins = {".svg": b"<?xml", ".pdf": b"%PDF", ".png": b"\x89PNG", ".csv": b"a name,"}
    assert all(path.read_bytes().startswith(begins[path.suffix]) for path in exported)
    second, table = Figure(lines.__wrapped__("a name"), "a name", "a name"), page("a name").opening[0]
    alone = Page("t", "l", sections=[Section("s", items=(second, table))])
    again = export(alone, tmp_path / "again", ("svg", "pdf", "png"))
    assert sorted(path.name for path in again) == [*figures[:3], "table-1.csv"]
    same = {path.name.replace("figure-1", "figure-2"): path.read_bytes() for path in again}
    assert all(path.read_bytes() == same.pop(path.name, path.read_bytes()) for path in exported)
    assert not same


def test_no_date_is_written(exported: Sequence[Path]) -> None:
    assert not any(word in path.read_bytes() for path in exported for word in (b"dc:date", b"CreationDate"))


def test_an_unknown_format_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="gif"):
        export(page(), tmp_path / "figures", ("svg", "gif"))
    assert not (tmp_path / "figures").exists()
