"""How a page shows trainings over growth, rows, laws and data sets, and trust in them, and what is said of them."""

import numpy as np

from beable.console.numbers import number, span
from beable.metrics.separation import LUCK, TOLERANCE
from beable.report.figures.laws import law_against_angle, law_against_scatter
from beable.report.figures.scores import angles
from beable.report.page import Evidence, Figure, Fold, Table, symbols
from beable.systems.darcy.figures.against import Line, against
from beable.systems.darcy.figures.trust import trust_against_truth
from beable.systems.darcy.parts.growth import STATED, Growth
from beable.systems.darcy.parts.law import LawStudy
from beable.systems.darcy.parts.members import Members, share
from beable.systems.darcy.parts.rows import RowsStudy, Trained
from beable.systems.darcy.parts.seeds import Seeds
from beable.systems.darcy.parts.shipped_trust import ShippedTrust

MARGIN = 8.0  # nats a pixel above the level without latents at which losses are cut off


def growth_evidence(a: Growth) -> Evidence:
    """Loss and share of trainings that learned by growth, and the network on modes."""
    best = min(a.arms, key=lambda g: float(np.median(a.arms[g].error)))
    error, ours = (float(np.median(m.error)) for m in (a.arms[best], a.modes))
    answer = (
        f"Dense networks of blocks {'-'.join(map(str, a.blocks))} on {a.rows} rows of {a.grid} × {a.grid} points, "
        f"{a.steps:,} steps: the least median error is {number(error)}, at growth {best}. The network on modes leaves "
        f"{number(ours)}; the dense one takes {number(a.ratio)} times its CPU time."
    )
    return Evidence(answer, [_growth_figure(a), _growth_table(a)], [_count_fold(a)])


def _growth_figure(a: Growth) -> Figure:
    growth = np.concatenate([np.full(len(m.error), g) for g, m in a.arms.items()])
    loss = np.concatenate([m.distortion for m in a.arms.values()])
    shares = np.array([_learned(m) for m in a.arms.values()])
    panels = {
        "$L_{REC}$ (nats a pixel)": {"dense networks": Line(growth, loss)},
        "share that learned": {"dense networks": Line(np.array(list(a.arms)), shares)},
    }
    level = next(iter(a.arms.values())).level
    figure = against(panels, "growth", {"$L_{REC}$ (nats a pixel)": {"without latents": level}})
    caption = symbols(
        "L_REC of held-out rows by growth, line through medians and band over members, with that of a decoder that "
        "sees no latents; and the share of trainings that did better than that."
    )
    alt = ", ".join(f"growth {g}: {number(float(np.median(m.distortion)))}" for g, m in a.arms.items())
    return Figure(figure, caption, f"Median losses: {alt}.")


def _learned(m: Members) -> float:
    return 1 - m.lost.hits / len(m.over_regularised)


def _growth_table(a: Growth) -> Table:
    rows = [
        [f"growth {g}", f"{a.full[g]:,}" if g in a.full else "–", f"{a.trained[g]:,}", *_of(m, a.seconds[g])]
        for g, m in a.arms.items()
    ]
    rows.append([a.modes.label, "–", f"{a.modes_parameters:,}", *_of(a.modes, a.modes_seconds)])
    columns = ["network", "at the source's size", "here", "learned", "relative error", "CPU s a member"]
    caption = (
        "Parameters of the source's network by growth and of those trained here, members that learned more than the "
        "mean of the data, relative squared error of held-out rows (median over members, and range), and cost."
    )
    return Table(caption, columns, rows, "lrrrrr")


def _of(m: Members, seconds: float) -> list[str]:
    return [f"{len(m.error) - m.lost.hits} of {len(m.error)}", span(m.error), number(seconds)]


def _count_fold(a: Growth) -> Fold:
    rows = [["released code, growth 4", f"{a.full[4]:,}", *_added(a, a.full[4])]]
    rows += [[f"five blocks {name}", f"{n:,}", *_added(a, n)] for name, n in a.five.items()]
    columns = ["network", "parameters", "hierarchical prior as coded (%)", "as stated (%)"]
    caption = f"Readings of the source's network, whose text has about {STATED:,} parameters, and what its prior adds."
    return Fold("Which network has the stated number of parameters?", [], [Table(caption, columns, rows, "lrrr")])


def _added(a: Growth, whole: int) -> list[str]:
    return [number(100 * n / whole) for n in a.prior]


def rows_evidence(a: RowsStudy) -> Evidence:
    """Losses and S_D by the number of rows, in both ways of training."""
    few, many = a.counts[0], a.counts[-1]
    ours, theirs = a.ours.lost(few), a.theirs.lost(few)
    error = [a.ours.median(a.ours.test.error, n) for n in (few, many)]
    answer = symbols(
        f"With {few} rows {ours[0]} of {ours[1]} trainings are over-regularised where the output variance follows in "
        f"closed form, {theirs[0]} of {theirs[1]} on the source's budget of epochs. The relative error goes from "
        f"{number(error[0])} to {number(error[1])} at {many} rows; S_D at {many} rows from "
        f"{_at(a.ours, many).min():.2f} to {_at(a.ours, many).max():.2f}."
    )
    return Evidence(answer, [_rows_figure(a), _rows_table(a)])


def _at(t: Trained, rows: int) -> np.ndarray:
    found: np.ndarray = t.test.s_d[t.rows == rows]
    return found


def _rows_figure(a: RowsStudy) -> Figure:
    ways = {"closed form": a.ours, "source's budget": a.theirs}
    losses, rates, scores = {}, {}, {}
    for place, (name, t) in enumerate(ways.items()):
        losses[f"{name}, training"] = Line(t.rows, t.train_distortion, place)
        losses[f"{name}, test"] = Line(t.rows, t.test.distortion, place, dashed=True)
        rates[f"{name}, training"] = Line(t.rows, t.train_rate, place)
        rates[f"{name}, test"] = Line(t.rows, t.test_rate, place, dashed=True)
        scores[f"{name}, test"] = Line(t.rows, t.test.s_d, place, dashed=True)
    loss, score = "$L_{REC}$ (nats a pixel)", "$S_D$"
    levels = {loss: {"without latents": a.ours.test.level}, score: {"ceiling": a.ceiling}}
    figure = against(
        {loss: losses, "$L_{REG}$ (nats a latent)": rates, score: scores},
        "training rows",
        levels,
        {loss: a.ours.test.level + MARGIN},
    )
    caption = symbols(
        "L_REC, L_REG and S_D by the number of training rows: lines through medians, bands over members. Closed form: "
        "the output variance follows the errors, and all trainings have as many steps; source's budget: so many "
        "epochs, and a variance that moves by gradient steps. Losses far above those of a decoder without latents are "
        "cut off: there the variance was fitted to few rows."
    )
    low, high = a.counts[0], a.counts[-1]
    ends = [number(a.ours.median(a.ours.test.distortion, n)) for n in (low, high)]
    return Figure(
        figure, caption, f"Test loss in closed form goes from {ends[0]} at {low} rows to {ends[1]} at {high}."
    )


def _rows_table(a: RowsStudy) -> Table:
    rows = [[str(n), *_way(a.ours, n), *_way(a.theirs, n)] for n in a.counts]
    columns = [
        "rows",
        "over-regularised",
        "relative error",
        "S_D",
        "over-regularised, budget",
        "relative error, budget",
        "S_D, budget",
    ]
    caption = symbols(
        "Held-out rows, by the number of training rows: with the output variance in closed form, and on the source's "
        "budget; errors are medians, S_D is the range over members."
    )
    return Table(caption, [symbols(c) for c in columns], rows, "rrrrrrr")


def _way(t: Trained, rows: int) -> list[str]:
    lost, told = t.lost(rows)
    scores = _at(t, rows)
    return [f"{lost} of {told}", number(t.median(t.test.error, rows)), f"{scores.min():.2f} to {scores.max():.2f}"]


def law_evidence(a: LawStudy) -> Evidence:
    """S_KL of members beside their scatter, and the factors themselves turned."""
    words = "; ".join(f"{law}: {m.rises.word} ({m.rises.reason})" for law, m in a.members.items())
    answer = symbols(f"Does S_KL rise with the angle over members? {words}.".replace("-0.", "−0."))
    found = a.members[a.law]
    drawn = law_against_scatter(list(a.codes), a.factors, found.s_kl[a.shown], found.matching[a.shown], a.symbols)
    caption = symbols(
        f"Members of {a.law} factors by rising S_KL: each factor against its latent on held-out rows, as in the source."
    )
    alt = f"S_KL of the members shown: {', '.join(number(float(x)) for x in found.s_kl[a.shown])} nats."
    return Evidence(answer, [Figure(drawn, caption, alt), _law_table(a)], [_angle_fold(a)])


def _law_table(a: LawStudy) -> Table:
    rows = [
        [
            law,
            str(len(m.s_kl)),
            m.rises.word,
            f"{c[0]:.2f}",
            f"{c.max():.2f} at {a.turns[int(c.argmax())]:.0f}°",
            f"{c[-1]:.2f}",
        ]
        for (law, m), c in zip(a.members.items(), a.turned.values(), strict=True)
    ]
    columns = ["law", "members", "rises over members", "factors, unturned", "largest", "at 45°"]
    caption = symbols("S_KL in nats: over members, and of the factors themselves, turned by up to 45°.")
    fixed = [[cell.replace("-", "−") if i > 2 else cell for i, cell in enumerate(row)] for row in rows]
    return Table(caption, columns, fixed, "lrlrrr")


def _angle_fold(a: LawStudy) -> Fold:
    groups = {law: (m.angle, m.s_kl) for law, m in a.members.items()}
    groups |= {f"{law}, factors turned": (a.turns, curve) for law, curve in a.turned.items()}
    caption = symbols("S_KL against the angle between latents and factors: every member, and the factors turned.")
    spans = ", ".join(f"{law} {number(float(np.ptp(c)))}" for law, c in a.turned.items())
    figure = Figure(law_against_angle(groups), caption, f"Range over the angles of turned factors in nats: {spans}.")
    return Fold(symbols("S_KL against the angle"), [], [figure])


def seeds_evidence(a: Seeds) -> Evidence:
    """Angles by arm and data set, and shares with intervals over data sets."""
    words = []
    for label in a.arms:
        low, high = a.clustered(label)
        words.append(f"{label}: {a.total(label)} over {len(a.arms[label])} data sets (95 % {low:.0%} to {high:.0%})")
    answer = f"Members with each factor in a latent of its own, {'; '.join(words)}."
    return Evidence(answer, [_seeds_figure(a), _seeds_table(a)])


def _seeds_figure(a: Seeds) -> Figure:
    groups = {f"{label}, seed {s.seed}": s.angle for label, sets in a.arms.items() for s in sets}
    caption = (
        "Angle of every member's latents off the factors, a row an arm and data set; two factors have at most 45°. "
        f"Beyond {TOLERANCE:g}° a member is not disentangled."
    )
    alt = "; ".join(f"{label}: {a.total(label)}" for label in a.arms)
    return Figure(angles(groups, TOLERANCE, _lucky(TOLERANCE)), caption, f"Disentangled, {alt}.")


def _lucky(angle: float) -> float:
    """Share of random rotations of two factors within an angle."""
    return angle / 45.0


def _seeds_table(a: Seeds) -> Table:
    seeds = sorted({s.seed for sets in a.arms.values() for s in sets})
    rows = []
    for label, sets in a.arms.items():
        by = {s.seed: f"{s.found.hits} of {s.found.told}" for s in sets}
        low, high = a.clustered(label)
        rows.append([label, *(by.get(seed, "–") for seed in seeds), f"{low:.0%} to {high:.0%}"])
    columns = ["arm", *(f"seed {seed}" for seed in seeds), "95 % over data"]
    caption = (
        "Disentangled members of those of which it can be told, by the seed of the data, and the interval of their "
        f"share, data sets being the draws. Of random rotations {LUCK:.0%} count."
    )
    return Table(caption, columns, rows, "l" + "r" * (len(seeds) + 1))


def shipped_trust_evidence(a: ShippedTrust) -> Evidence:
    """Trust against truth by law, and by arm."""
    answer = (
        f"A disentangled member is trusted more than one that is not in {_percent(a.auc)} of pairs; trust is off the "
        f"share of disentangled members by {_percent(a.calibration_error)} on average, over {a.told} members of which "
        "it can be told."
    )
    caption = (
        "Trust in every member by the weights of the package, which were fitted on other flows, against the angle of "
        f"its latents off the factors. Shaded: up to {TOLERANCE:g}°."
    )
    laws = {law: _pairs(a, law) for law in dict.fromkeys(arm.law for arm in a.arms.values())}
    near = ", ".join(f"{law} {number(float(np.median(t))) if len(t) else '–'}" for law, (_, t) in laws.items())
    return Evidence(
        answer, [Figure(trust_against_truth(laws, TOLERANCE), caption, f"Median trust: {near}."), _trust_table(a)]
    )


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %" if np.isfinite(value) else "an unknown share"


def _pairs(a: ShippedTrust, law: str) -> tuple[np.ndarray, np.ndarray]:
    names = [name for name, arm in a.arms.items() if arm.law == law]
    angle, trusted = (np.concatenate(v) for v in ([a.arms[n].angle for n in names], [a.trust[n] for n in names]))
    told = ~np.isnan(trusted)
    return angle[told], trusted[told]


def _trust_table(a: ShippedTrust) -> Table:
    rows = []
    for name, arm in a.arms.items():
        trusted, known = a.trust[name], [int(d) for d in arm.disentangled]
        told = trusted[~np.isnan(trusted)]
        mean = number(float(told.mean())) if len(told) else "–"
        rows.append([arm.label, arm.law, str(share(known)), mean, arm.identified.partition(":")[0]])
    columns = ["arm", "law", "disentangled", "mean trust", "axes in the codes"]
    return Table("Trust by arm, and whether the codes have axes of their own.", columns, rows, "llrrl")
