"""Arrays of other number formats than one real number an entry: records, dates, and words by themselves.

Whatever file they come from, the fields of a record are arrays of their own, and dates are labels, days since 1970.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from beable.datasets.columns import DAYS
from beable.datasets.sources import UNKNOWN, Array, Contents, Source, ranged

DATED = "dates: name it in factors (--factors) to keep it, as days since 1970-01-01"


def plain_formats(contents: Contents) -> Contents:
    """Contents without records and dates; a word by itself is left out.

    >>> probe = np.zeros(3, dtype=[("t", "f8"), ("v", "f4", 2)])
    >>> source = Source((3,), probe.dtype, lambda: probe)
    >>> {n: s.shape for n, s in plain_formats(Contents({"probe": source})).sources.items()}
    {'probe/t': (3,), 'probe/v': (3, 2)}
    """
    sources = {n: s for name, source in contents.sources.items() for n, s in _fields(name, source)}
    words = {n: "words, no numbers" for n, s in sources.items() if not s.shape and s.dtype.kind in "SU"}
    kept = {n: _dated(s) if s.dtype.kind == "M" else s for n, s in sources.items() if n not in words}
    return contents._replace(sources=kept, left={**contents.left, **words})


def _fields(name: str, source: Source) -> Iterator[tuple[str, Source]]:
    """The fields of a record by their path, those of records in it included; any other array as it is."""
    if source.dtype.names is None:
        yield name, source
        return
    for field in source.dtype.names:
        inner = source.dtype[field]
        axes = None if source.axes is None else (*source.axes, *(UNKNOWN,) * len(inner.shape))
        load = ranged(source.load).then(partial(_field, field), {axis: axis for axis in range(len(source.shape))})
        shape = (*source.shape, *inner.shape)
        part = replace(source, shape=shape, dtype=inner.base, axes=axes, load=load, said=f"a field of {name}")
        yield from _fields(f"{name}/{field}", part)


def _field(name: str, array: Array) -> Array:
    return np.asarray(array[name])


def _dated(source: Source) -> Source:
    load = ranged(source.load).then(_days)
    return replace(source, dtype=np.dtype("f8"), load=load, unit=DAYS, role="label", said=DATED)


def _days(dates: Array) -> Array:
    moments = dates.astype("datetime64[ms]")
    return np.where(np.isnat(moments), np.nan, moments.astype(np.int64) / 86_400_000)
