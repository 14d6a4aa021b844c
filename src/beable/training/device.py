"""Where a training computes: on the processor, or on a graphics processor where there is one."""

import torch

from beable.errors import UsageError
from beable.vae.vae import Rows


def device_named(name: str) -> torch.device:
    """The device of a setting.

    Args:
        name: "cpu", "cuda", or "auto" for the latter where it is at hand.

    Raises:
        UsageError: "cuda" where there is none.

    >>> device_named("cpu")
    device(type='cpu')
    """
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise UsageError(
            "training.device is 'cuda', and PyTorch finds no such device: set training.device = 'cpu' or 'auto'"
        )
    return torch.device("cuda" if there and name != "cpu" else "cpu")


def moved(rows: Rows, device: torch.device) -> Rows:
    """Rows on a device."""
    return rows.each(lambda t: t.to(device))
