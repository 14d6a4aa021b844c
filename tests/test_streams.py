"""Seeds of many members at once are those that NumPy gives one by one."""

import numpy as np
import pytest

from beable.streams import STREAMS, sequence, states

ROWS = [0, 1, 50, 2**20, 2**32 - 1]


@pytest.mark.parametrize("seed", [0, 1, 2**31, 2**32 - 1, 2**32, 2**70 + 3, 2**130 + 1])
def test_states_are_those_of_single_sequences(seed):
    for stream in STREAMS:
        for attempt in (0, 1, 99_999, 2**32 - 1):
            alone = [int(sequence(seed, stream, k, attempt).generate_state(1, "uint64")[0]) for k in ROWS]
            assert states(seed, stream, ROWS, attempt) == alone


def test_no_member_shares_the_state_of_another_or_of_another_step():
    found = [state for attempt in range(50) for state in states(0, "noise", range(50), attempt)]
    assert len(np.unique(np.array(found, np.uint64))) == 2500
