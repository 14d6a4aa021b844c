"""Adam, without what its class in PyTorch brings along."""

from collections.abc import Sequence
from math import cos, pi

import torch
from torch import Tensor
from torch.optim.adam import adam


def share_left(step: int, steps: int) -> float:
    """Share of the first learning rate at a step, when it falls to a hundredth along a cosine.

    >>> share_left(0, 10), round(share_left(10, 10), 6)
    (1.0, 0.01)
    """
    return 0.01 + 0.99 * 0.5 * (1 + cos(pi * step / steps))


class Adam:
    r"""Adam in one kernel for all parameters, with the numbers of `torch.optim.Adam(..., fused=True)`.

    .. math::
        m \leftarrow \beta_1 m + (1 - \beta_1) g, \quad v \leftarrow \beta_2 v + (1 - \beta_2) g^2, \quad
        \theta \leftarrow \theta - \eta \, \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \epsilon}

    with β₁ = 0.9, β₂ = 0.999, ε = 1e-8. The class of PyTorch imports its compiler: 2 s of each process that trains.

    Args:
        parameters: θ, changed in place; those without a gradient are left as they are.
        state: the step t and the moments m and v of each parameter by name, empty before its first step.

    Source: Kingma and Ba, Adam: a method for stochastic optimization, ICLR 2015.

    >>> theta = torch.ones(1, requires_grad=True)
    >>> theta.grad = torch.full((1,), 4.0)
    >>> Adam([theta]).step(0.25)  # the first step is the learning rate, whatever the gradient
    >>> theta.detach()
    tensor([0.7500])
    """

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self.parameters = list(parameters)
        self.state: list[dict[str, Tensor]] = [{} for _ in self.parameters]

    def moments(self) -> list[dict[str, Tensor]]:
        """The step and the moments of every parameter; zeros, which do not change what follows, before its first."""
        return [self.state[i] or self._begin(i) for i in range(len(self.parameters))]

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for p in self.parameters:
            p.grad = None

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Take one step along the gradients.

        Args:
            learning_rate: η.
        """
        moving = [i for i, p in enumerate(self.parameters) if p.grad is not None]
        state = [self.state[i] or self._begin(i) for i in moving]
        adam(
            [self.parameters[i] for i in moving],
            [gradient for p in self.parameters if (gradient := p.grad) is not None],
            [s["exp_avg"] for s in state],
            [s["exp_avg_sq"] for s in state],
            [],
            [s["step"] for s in state],
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=learning_rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )

    def _begin(self, i: int) -> dict[str, Tensor]:
        p = self.parameters[i]
        step = torch.zeros((), dtype=torch.float32, device=p.device)
        self.state[i] = {"step": step, "exp_avg": torch.zeros_like(p), "exp_avg_sq": torch.zeros_like(p)}
        return self.state[i]
