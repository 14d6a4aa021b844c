"""The section of a report that says how long latents remember, beside time-lagged independent components."""

import numpy as np

from beable.analysis.slowness import Components, Slowness
from beable.console.numbers import latent_name, many, number, span
from beable.report.page import Section, Table

WITHOUT = "Beside them stand time-lagged independent components (TICA) where deeptime is installed: beable[md]."


def slow_section(found: Slowness | None) -> Section | None:
    """Autocorrelations and timescales of latents and of components; None for a training without a lag."""
    if found is None:
        return None
    return Section("Slow coordinates", [_words(found)], [_table(found)], [])


def _words(found: Slowness) -> str:
    rows = "that training never saw" if found.held_out else "of all, since too few of those held out lie so far apart"
    judged = f"Judged on {many(found.pairs, 'pair')} of rows {rows}, {many(found.lag, 'row')} apart."
    return judged if found.tica is not None else f"{judged} {WITHOUT}"


def _table(found: Slowness) -> Table:
    caption = (
        f"Autocorrelation after {many(found.lag, 'row')}, and the timescale that it implies; median over members, and "
        "range."
    )
    columns = ["", "autocorrelation", "timescale (rows)"]
    if found.tica is None:
        return Table(caption, columns, _latents(found), "lll")
    caption += " Components of TICA are fitted on the training rows; each latent stands beside the one it follows most."
    rows = [[*row, cell] for row, cell in zip(_latents(found), _followed(found.tica), strict=True)]
    return Table(caption, [*columns, "correlation"], [*rows, *_components(found.tica)], "llll")


def _latents(found: Slowness) -> list[list[str]]:
    return [
        [latent_name(i), span(memory), span(timescale)]
        for i, (memory, timescale) in enumerate(zip(found.memory.T, found.timescale.T, strict=True))
    ]


def _followed(found: Components) -> list[str]:
    """For each latent the component that it follows most, in most members, and their correlation."""
    middle = np.median(found.correlation, axis=0)
    best = middle.argmax(axis=0)
    return [f"{span(found.correlation[:, c, i])} with TICA {c + 1}" for i, c in enumerate(best)]


def _components(found: Components) -> list[list[str]]:
    kinds = zip(found.memory, found.timescale, strict=True)
    return [[f"TICA {i + 1}", number(memory), number(timescale), ""] for i, (memory, timescale) in enumerate(kinds)]
