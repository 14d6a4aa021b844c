"""Errors: caught as what they are in Python, with the exit codes of the command line."""

import pickle

import pytest

from beable import errors


@pytest.mark.parametrize(("kind", "code"), [(errors.UsageError, 2), (errors.DataError, 3)])
def test_what_was_given_wrongly_is_a_value_error_too(kind, code):
    with pytest.raises(ValueError, match="sides") as caught:
        raise kind("sides must be 3")
    assert isinstance(caught.value, errors.BeableError)
    assert caught.value.exit_code == code


@pytest.mark.parametrize("kind", [errors.CorruptError, errors.OutputError, errors.LockedError, errors.DivergedError])
def test_what_the_machine_refuses_is_no_value_error(kind):
    assert not issubclass(kind, ValueError)


def test_errors_come_back_from_other_processes():
    again = pickle.loads(pickle.dumps(errors.DataError("no rows: give some")))
    assert (type(again), str(again)) == (errors.DataError, "no rows: give some")
