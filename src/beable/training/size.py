"""How much memory a training takes at least, from its settings alone; refused before anything of it is allocated."""

from itertools import pairwise

from beable import memory
from beable.training.settings import RunSettings
from beable.vae.settings import ModelSettings

BYTES = 4
#: of each parameter: its value, its gradient, two moments of Adam, and the best value until now
COPIES = 5
#: of each number that a row passes through: its value, its gradient, and the draw that made it
PASSES = 3


def refuse_too_large(settings: RunSettings, rows: int, outputs: int = 1) -> None:
    """Refuse a training that memory cannot hold.

    Args:
        settings: of the run.
        rows: to learn from.
        outputs: numbers of a code; 1 where they are not known yet.

    Raises:
        UsageError: it cannot.

    >>> refuse_too_large(RunSettings(), 1000, 50)
    >>> refuse_too_large(RunSettings(model={"latents": 10**12}), 1000)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    beable.errors.UsageError: 16 members with 1,000,000,000,000 latents take at least ... of memory, ... are free: ...
    """
    t, m = settings.training, settings.model
    batch = min(t.batch or rows, rows)
    of_batch = batch * (outputs + widest(m) + m.latents) * PASSES
    needed = t.members * BYTES * (parameters(m, outputs) * COPIES + of_batch)
    memory.refuse(
        f"{t.members:,} members with {m.latents:,} latents",
        needed,
        "ask for fewer (training.members, --members; model.latents, --latents), or for a smaller network or batch",
    )


def parameters(m: ModelSettings, outputs: int) -> int:
    """Parameters that one member has at least; those of convolutions and priors are counted in part.

    >>> parameters(ModelSettings(latents=2, width=10, depth=2, linear=False), 100)
    2260
    """
    found = 2 * outputs * m.latents if m.linear else 0
    found += m.latents * (m.quantised or 0)
    found += sum(int(n) for n in m.prior_options.values() if isinstance(n, int)) * m.latents
    if m.network == "mlp":
        first, inner, last = _layers(m)
        found += 2 * inner + first * (outputs + len(m.conditions)) + last * 2 * m.latents  # encoder, and inner decoder
        found += last * m.latents + first * outputs  # the ends of the decoder, which mirrors it
    elif m.network in ("conv", "dense-conv"):
        channels = m.channels if m.network == "conv" else (m.features, m.growth)
        found += 9 * sum(a * b for a, b in pairwise(channels))
    else:
        found += 2 * m.width * m.width * max(m.depth - 1, 0)
    return found


def _layers(m: ModelSettings) -> tuple[int, int, int]:
    """Units of the first layer of a dense encoder, weights between its layers, units of the last; of any depth."""
    if m.hidden is None:
        return (m.width, m.width * m.width * (m.depth - 1), m.width) if m.depth else (0, 0, 0)
    return (m.hidden[0], sum(a * b for a, b in pairwise(m.hidden)), m.hidden[-1]) if m.hidden else (0, 0, 0)


def widest(m: ModelSettings) -> int:
    """Numbers of the widest layer that a row passes through at least."""
    return max(m.width if m.depth else 0, max(m.hidden or (0,))) if m.network == "mlp" else max(m.channels)
