r"""The settings that Jacobsen & Duraisamy's released code trains with, as a tree for `RunSettings`.

Two phases: reconstruction alone, then β by feedback, from 1e-9 with ν = 0.005 and τ = 1, up to 1 on a scale that
averages the distortion over pixels. The fields enter raw, the network is the published dense one, the variance of the
latents has no bounds, that of each pixel starts at 1, and the learning rate drops at stated epochs.

========================  ========  ==============  ==========================  ==============================
variant                   epochs    without rate    learning rate               prior
========================  ========  ==============  ==========================  ==============================
standard                  6,500     4,000           5e-4; 1e-4 from 5,900       standard normal
anisotropic               6,500     4,000           5e-4; 1e-4 from 5,900       normal, variances 1 and 2
hierarchical              14,000    6,500           3e-4; 5e-5 from 6,500;      hierarchical, rectified by
                                                    2.5e-5 from 12,501          accident
hierarchical-scheduled    14,000    6,500           the same                    its variances networks too, the
                                                                                lower rate with a weight of its own
========================  ========  ==============  ==========================  ==============================

An epoch is a pass over 512 training rows in batches of 64. The source's loss is on 65 × 65 grid points with three
channels, other grids take another scale. 6,500 epochs of one training took 7 hours of a processor, 14,000 took 16.

C. Jacobsen and K. Duraisamy, Frontiers in Physics 10:890910 (2022), and the code released with it.
"""

from collections.abc import Sequence
from typing import Any

from beable.errors import unknown
from beable.settings import merged

ROWS, BATCH = 512, 64
STEPS_AN_EPOCH = ROWS // BATCH
_Tree = dict[str, Any]


def _epochs(epochs: int, without_rate: int, rate: float, drops: Sequence[tuple[int, float]]) -> _Tree:
    """Steps and rates from epochs; drops as the epoch and the rate from there on."""
    lower = [[epoch * STEPS_AN_EPOCH, later / rate] for epoch, later in drops]
    training = {"steps": epochs * STEPS_AN_EPOCH, "learning_rate": rate, "drops": lower}
    return {"training": training, "objective": {"reconstruction_steps": without_rate * STEPS_AN_EPOCH}}


COMMON: _Tree = {
    "variables": ["pressure", "flux"],
    "representation": {"kind": "fields", "scaling": "none", "centre": False},
    "model": {
        "latents": 2,
        "network": "dense-conv",
        "activation": "relu",
        "variance": "pixel",
        "linear": False,
        "scaled": False,
        "bounded": False,
    },
    "objective": {"scale": "jacobsen", "beta": {"kind": "feedback", "start_beta": 1e-9, "nu": 0.005, "tau": 1.0}},
    "training": {
        "members": 1,
        "batch": BATCH,
        "decay": "none",
        "start": "random",
        "held_out": 512,
        "shuffle": False,
        "patience": "none",
        "keep": "last",
    },
}
_SHORT = _epochs(6500, 4000, 5e-4, [(5900, 1e-4)])
_LONG = _epochs(14000, 6500, 3e-4, [(6500, 5e-5), (12501, 2.5e-5)])
VARIANTS: dict[str, _Tree] = {
    "standard": merged(_SHORT, {"model": {"prior": "standard"}}),
    "anisotropic": merged(_SHORT, {"model": {"prior": "gaussian", "prior_options": {"variances": [1.0, 2.0]}}}),
    "hierarchical": merged(_LONG, {"model": {"prior": "hierarchical", "prior_options": {"rectified": True}}}),
    "hierarchical-scheduled": merged(
        _LONG,
        {
            "model": {"prior": "hierarchical", "prior_options": {"rectified": True, "full": True}},
            "objective": {"sub_prior": {"start_beta": 1e-8, "nu": 0.005, "tau": 1.0}},
        },
    ),
}


def published(variant: str = "standard") -> _Tree:
    """The settings of a variant, a name in ``VARIANTS``, as a tree that may be merged with others and validated.

    Args:
        variant: "standard", "anisotropic", "hierarchical" or "hierarchical-scheduled".

    Raises:
        UsageError: another name.

    >>> from beable import RunSettings
    >>> from beable.settings import validated
    >>> settings = validated(RunSettings, published("hierarchical"))
    >>> settings.training.steps, settings.objective.reconstruction_steps
    (112000, 52000)
    """
    if variant not in VARIANTS:
        raise unknown("published training", variant, VARIANTS)
    return merged(COMMON, VARIANTS[variant])
