"""Adam has the numbers of its formula and of PyTorch's class, which imports a compiler; a training does not."""

import sys

import numpy as np
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


def ours():
    """Where Adam ends."""
    adam = Adam(start())
    found = descended(lambda _, learning_rate: adam.step(learning_rate), adam.parameters)
    assert adam.state[-1] == {}
    return found


def by_formula(betas, epsilon=1e-8):
    parameters = start()
    moments = [np.zeros((2, *p.shape)) for p in parameters[:-1]]
    steps = []

    def step(parameters, learning_rate):
        steps.append(learning_rate)
        for p, m in zip(parameters[:-1], moments, strict=True):
            g = p.grad.double().numpy()
            for moment, beta, new in zip(m, betas, (g, g**2), strict=True):
                moment += (1 - beta) * (new - moment)
            mean, square = (moment / (1 - beta ** len(steps)) for moment, beta in zip(m, betas, strict=True))
            p.data -= torch.from_numpy(learning_rate * mean / (np.sqrt(square) + epsilon)).float()

    return descended(step, parameters)


BETAS = [((0.9, 0.999), True), ((0.9, 0.99), False)]


@pytest.mark.numerical
@pytest.mark.parametrize(("betas", "same"), BETAS)
def test_numbers_are_those_of_the_formula(betas, same):
    pairs = zip(ours(), by_formula(betas), strict=True)
    assert all(torch.allclose(a, b, rtol=1e-5, atol=1e-6) for a, b in pairs) == same


@pytest.mark.slow
@pytest.mark.numerical
@pytest.mark.parametrize(("betas", "same"), BETAS)
def test_numbers_are_those_of_the_class(betas, same):
    theirs = start()
    optimizer = torch.optim.Adam(theirs, fused=True, betas=betas)

    def step(_, learning_rate):
        optimizer.param_groups[0]["lr"] = learning_rate
        optimizer.step()

    assert all(map(torch.equal, descended(step, theirs), ours())) == same
    assert "torch._dynamo" in sys.modules
