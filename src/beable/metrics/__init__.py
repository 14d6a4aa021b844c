"""Measures: arrays in, named records out; no model, no data set."""

from beable.metrics.context import Context, Interval, Null, score_in_context
from beable.metrics.disentanglement import Share, s_d, s_r
from beable.metrics.reconstruction import ReconstructionError, VariableError, reconstruction_error

__all__ = [
    "Context",
    "Interval",
    "Null",
    "ReconstructionError",
    "Share",
    "VariableError",
    "reconstruction_error",
    "s_d",
    "s_r",
    "score_in_context",
]
