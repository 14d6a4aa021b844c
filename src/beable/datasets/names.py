"""Names of a file's arrays and axes as a data set can have them."""

import re

from beable.datasets.layout import RESERVED


def plain(name: str) -> str:
    """A name that a data set can have.

    >>> plain("run 1/u-x")
    'run_1_u_x'
    """
    return re.sub(r"\W", "_", name, flags=re.ASCII)


def plain_dim(name: str) -> str:
    """The name of a dimension, which must not be one that a data set needs itself.

    >>> plain_dim("row"), plain_dim("x")
    ('row_', 'x')
    """
    return f"{plain(name)}_" if name in RESERVED else plain(name)
