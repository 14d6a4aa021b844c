"""Adam has the numbers of PyTorch's class, which imports a compiler; test_run.py holds that a training does not."""

import sys

import pytest
import torch

from beable.training.adam import Adam

SHAPES = ((3, 4), (5,), (2,))  # the last one never has a gradient


def descended(step, parameters):
    """The parameters after steps along fixed gradients, the learning rate another one at each."""
    noise = torch.Generator().manual_seed(1)
    for k in range(30):
        for p in parameters[:-1]:
            p.grad = torch.randn(p.shape, generator=noise)
        step(parameters, 0.01 * (k + 1))
    return [p.detach() for p in parameters]


def start():
    noise = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=noise).requires_grad_() for shape in SHAPES]


@pytest.mark.numerical
@pytest.mark.parametrize(("betas", "same"), [((0.9, 0.999), True), ((0.9, 0.99), False)])
def test_numbers_are_those_of_the_class(betas, same):
    theirs, ours = start(), start()
    optimizer, adam = torch.optim.Adam(theirs, fused=True, betas=betas), Adam(ours)

    def step(_, learning_rate):
        optimizer.param_groups[0]["lr"] = learning_rate
        optimizer.step()

    expected = descended(step, theirs)
    found = descended(lambda _, learning_rate: adam.step(learning_rate), ours)
    assert all(map(torch.equal, expected, found)) == same
    assert adam.state[-1] == {}
    assert "torch._dynamo" in sys.modules
