"""A study of two arms and one part, whose measure other processes know once they have imported this."""

from dataclasses import dataclass

from beable.studies import part
from beable.studies.context import Context

STUDY = """
name = "tiny"
title = "A tiny study"
source = "nobody"
question = "Does it run?"
[data]
simulator = "darcy"
rows = 12
settings = { grid = 5 }
[run]
variables = ["pressure"]
representation = { kind = "fields" }
model = { latents = 1, width = 4 }
training = { members = 2, steps = 4, batch = 4, held_out = 4, start = "random" }
[[arms]]
name = "a"
label = "first"
[[arms]]
name = "b"
label = "second"
override = { training = { seed = 1 } }
[[parts]]
name = "rows"
title = "How many rows?"
question = "?"
measure = "rows"
arms = { judged = ["a", "b"] }
"""


@dataclass(frozen=True)
class Rows:
    rows: int

    def as_json(self) -> dict[str, int]:
        return {"rows": self.rows}


def rows(context: Context) -> Rows:
    return Rows(context.store.rows)


PARTS = {"rows": part.Part(rows, lambda answer: None, roles={"judged": "many"})}


def use_parts() -> None:
    """Whatever the system, its parts are these."""
    part.parts_of = lambda system: PARTS
