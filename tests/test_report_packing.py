"""The page of the packing study: every part drawn from a study much too small to find anything."""

import re
from concurrent.futures import ThreadPoolExecutor
from html import unescape

import numpy as np
import pytest

from beable.datasets.packing_table import COLUMNS
from beable.report.of_parts import parts_page
from beable.report.packing import SECTIONS, data_items
from beable.report.page import Figure, Table, render
from beable.studies import parts as running
from beable.studies import run as training
from beable.studies.packing import MEASURES
from beable.studies.packing.design import _apart
from beable.studies.parts import run_parts
from beable.studies.study import load

MEMBERS = {"members": 2, "steps": 20, "batch": 16}
SMALL = {"rows": 40, "trees": 3, "repeats": 9, "picked": 8, "recomputed": 6}
TINY = {
    "data": {"rows": 40, "settings": {"coarse": 30, "median": [1.0, 1.5], "spread": [0.0, 0.1]}},
    "further": {
        "uniform": {"rows": 24},
        "top": {"rows": 16, "densest": 0.6},
        "table-uniform": {"rows": 30},
        "table-top": {"rows": 3},
    },
    "run": {
        "model": {"hidden": [6]},
        "training": {"members": 12, "steps": 30, "batch": 16, "held_out": 0.3},
        "objective": {"beta": {"each": 1}},
    },
    "arms": {
        "all": {"training": {"batch": 16, "steps": 30}},
        "designed": {"training": MEMBERS},
        "with-decoded": {"training": MEMBERS},
        "calibrated-2": {"model": {"hidden": [6]}, "training": MEMBERS},
        "calibrated-9": {"model": {"hidden": [6]}, "training": MEMBERS},
        "fixed-9": {"training": MEMBERS},
    },
    "parts": {
        "packing-beds": {"spheres": 2000, "seeds": 2, "ratios": [1.0, 2.0], "spreads": [0.1]},
        "packing-beta": SMALL | {"planes": [0.0, 4.0], "plane_rows": 20},
        "packing-artefact": {"draws": 4, "studies": 4},
        "packing-decoded-rows": {"rows": 40, "trees": 3},
        "packing-calibrated": SMALL,
        "packing-design": {"targets": [0.585, 0.59], "calls": 22, "seeds": 1, "coarse": 30, "wanted": 2},
    },
}
ARMS = ("all", "uniform", "designed", "with-decoded", "calibrated-2", "calibrated-9", "fixed-9")


def tiny():
    """The study with its own table, all β axes of it on two selections of rows."""
    study = load("packing")
    study = study.model_copy(update={"presets": {"tiny": TINY}}).with_preset("tiny")
    parts = {part.name: part for part in study.parts}
    beta = parts["packing-beta"]
    expected = tuple(e for e in beta.expected if "crossing" not in e.path)  # a line through too few points meets nothing
    parts["packing-beta"] = beta.model_copy(update={"arms": ("all", "uniform"), "expected": expected})
    arms = tuple(arm for arm in study.arms if arm.name in ARMS or arm.name == "table-uniform")
    return study.model_copy(update={"parts": tuple(parts.values()), "arms": arms})


class Threads(ThreadPoolExecutor):
    """Stands for a pool of processes, which take seconds to begin."""

    def __init__(self, workers, mp_context=None, **more):
        super().__init__(1, **more)
