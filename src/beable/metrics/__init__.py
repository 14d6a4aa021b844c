"""Measures: arrays in, named records out; no model, no data set.

`METRICS` holds everything that is called as ``metric(codes, factors)`` by name; `score_in_context` puts any of them
between chance and ceiling.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from beable.metrics.agreement import ami, equivalence, nmi, parity, permutation_test, t_test
from beable.metrics.alignment import linear_matching, rotation_angle, s_kl
from beable.metrics.anomaly import average_precision, conformal_pvalues, power, roc_auc
from beable.metrics.context import Interval, Null, ScoreContext, score_in_context
from beable.metrics.disentanglement import Share, infomec, mig, modularity, s_d, s_r, sap
from beable.metrics.information import (
    kl_knn,
    mi_binned,
    mi_gaussian,
    mi_knn,
    total_correlation_knn,
)
from beable.metrics.interventions import beta_vae_score, factor_vae_score, irs
from beable.metrics.members import agreement_of, udr
from beable.metrics.prediction import dci, explicitness, explicitness_auc, minimality_sufficiency
from beable.metrics.reconstruction import (
    ReconstructionError,
    VariableError,
    calibration,
    reconstruction_error,
    spectral_error,
    two_point,
)

METRICS: dict[str, Callable[..., Any]] = {
    "s_d": s_d,
    "s_r": s_r,
    "s_kl": s_kl,
    "mig": mig,
    "mig_knn": partial(mig, estimator="knn"),
    "sap": sap,
    "modularity": modularity,
    "infomec": infomec,
    "dci": dci,
    "explicitness": explicitness,
    "explicitness_auc": explicitness_auc,
    "minimality_sufficiency": minimality_sufficiency,
    "linear_matching": linear_matching,
    "rotation_angle": rotation_angle,
    "beta_vae_score": beta_vae_score,
    "factor_vae_score": factor_vae_score,
    "irs": irs,
    "udr": agreement_of,
    "mi_binned": mi_binned,
    "mi_knn": mi_knn,
    "mi_gaussian": mi_gaussian,
}

__all__ = [
    "METRICS",
    "Interval",
    "Null",
    "ReconstructionError",
    "ScoreContext",
    "Share",
    "VariableError",
    "agreement_of",
    "ami",
    "average_precision",
    "beta_vae_score",
    "calibration",
    "conformal_pvalues",
    "dci",
    "equivalence",
    "explicitness",
    "explicitness_auc",
    "factor_vae_score",
    "infomec",
    "irs",
    "kl_knn",
    "linear_matching",
    "mi_binned",
    "mi_gaussian",
    "mi_knn",
    "mig",
    "minimality_sufficiency",
    "modularity",
    "nmi",
    "parity",
    "permutation_test",
    "power",
    "reconstruction_error",
    "roc_auc",
    "rotation_angle",
    "s_d",
    "s_kl",
    "s_r",
    "sap",
    "score_in_context",
    "spectral_error",
    "t_test",
    "total_correlation_knn",
    "two_point",
    "udr",
]
