"""The verifier's network: token vectors of a point and of an answer, aligned and compared.

Each token is aligned softly with the tokens of the other text and compared with what it met there;
two small layers of a transformer then read these comparisons, so that a "not" on one side counts
for what it stands beside. The idea of aligning and comparing is that of decomposable attention
(Parikh and others, 2016) and ESIM (Chen and others, 2017); the token vectors come from the encoder,
which has read each text as a whole already. So the network is small, learns from few examples and
costs a tenth of a transformer that reads both texts from their words.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

WIDTH = 384
CLASSES = 3
_HEADS = 4
_NEVER = -1e4

States = NDArray[np.float16]
"""(tokens, 2 * WIDTH): the encoder's tokens behind its middle layer, and behind its last."""


class Layer(nn.Module):
    """A layer of a transformer, normalising before each part."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.before = nn.LayerNorm(width)
        self.attend = nn.Linear(width, 3 * width)
        self.attended = nn.Linear(width, width)
        self.between = nn.LayerNorm(width)
        self.inner = nn.Linear(width, 2 * width)
        self.outer = nn.Linear(2 * width, width)
        self.dropout = dropout

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """x: (batch, tokens, width); mask: (batch, tokens), true where there is text."""
        batch, tokens, width = x.shape
        parts = self.attend(self.before(x)).view(batch, tokens, 3, _HEADS, width // _HEADS)
        queries, keys, values = parts.permute(2, 0, 3, 1, 4)
        context = functional.scaled_dot_product_attention(
            queries, keys, values, attn_mask=mask[:, None, None, :]
        )
        context = self.attended(context.transpose(1, 2).reshape(batch, tokens, width))
        x = x + functional.dropout(context, self.dropout, self.training)
        inner = self.outer(functional.gelu(self.inner(self.between(x))))
        return x + functional.dropout(inner, self.dropout, self.training)


class PairNetwork(nn.Module):
    """From the states of a point and of an answer to the log-odds of three classes."""

    mean: torch.Tensor
    """(WIDTH,): the mean of tokens, which is taken away before a cosine."""

    def __init__(self, width: int = 256, layers: int = 2, dropout: float = 0.1) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(WIDTH))
        self.normalise_middle = nn.LayerNorm(WIDTH)
        self.normalise_last = nn.LayerNorm(WIDTH)
        self.take_in = nn.Linear(2 * WIDTH, width)
        self.key = nn.Linear(2 * WIDTH, width)
        self.sharpness = nn.Parameter(torch.tensor([5.0, 1.0]))
        self.compare = nn.Sequential(
            nn.Linear(4 * width + 2, width), nn.GELU(), nn.Linear(width, width)
        )
        self.side = nn.Parameter(0.02 * torch.randn(2, width))
        self.layers = nn.ModuleList(Layer(width, dropout) for _ in range(layers))
        self.normalise_out = nn.LayerNorm(width)
        last = nn.Linear(width, CLASSES)
        nn.init.zeros_(last.bias)
        self.head = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(4 * width + 3, width),
            nn.GELU(),
            nn.Dropout(dropout),
            last,
        )

    def forward(
        self, states: torch.Tensor, sides: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """(batch, CLASSES).

        Args:
            states: (batch, tokens, 2 * WIDTH), the point's tokens and then the answer's.
            sides: (batch, tokens), 0 for the point's and 1 for the answer's.
            mask: (batch, tokens), 1 where there is text.
        """
        real = mask.bool()
        middle, last = states[..., :WIDTH], states[..., WIDTH:] - self.mean
        read = torch.cat([self.normalise_middle(middle), self.normalise_last(last)], -1)
        unit = functional.normalize(last, dim=-1)
        cosine = unit @ unit.transpose(1, 2)
        keys = self.key(read)
        likeness = self.sharpness[0] * cosine + self.sharpness[1] * (
            keys @ keys.transpose(1, 2) / keys.shape[-1] ** 0.5
        )
        closed = (sides[:, :, None] == sides[:, None, :]) | ~real[:, None, :]
        aligned = torch.softmax(likeness.masked_fill(closed, _NEVER), -1)
        x = self.take_in(read)
        met = aligned @ x
        best = cosine.masked_fill(closed, -1.0).amax(-1)
        expected = (aligned * cosine).sum(-1)
        x = self.compare(
            torch.cat([x, met, x - met, x * met, best[..., None], expected[..., None]], -1)
        )
        x = x + self.side[sides]
        for layer in self.layers:
            x = layer(x, real)
        x = self.normalise_out(x)
        pooled, covered, sums = [], [], []
        for side in range(2):
            mine = (real & (sides == side))[..., None]
            count = mine.sum(1).clamp(min=1)
            pooled += [(x * mine).sum(1) / count, x.masked_fill(~mine, _NEVER).amax(1)]
            covered.append((best[..., None] * mine).sum(1) / count)
            sums.append((last * mine).sum(1))
        covered.append(functional.cosine_similarity(sums[0], sums[1])[:, None])
        found: torch.Tensor = self.head(torch.cat([*pooled, *covered], -1))
        return found


def collate(
    pairs: Sequence[tuple[States, States]],
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """`PairNetwork.forward`'s arguments for pairs of a point's and an answer's states."""
    longest = max(len(point) + len(answer) for point, answer in pairs)
    states = np.zeros((len(pairs), longest, 2 * WIDTH), dtype=np.float32)
    sides = np.ones((len(pairs), longest), dtype=np.int64)
    mask = np.zeros((len(pairs), longest), dtype=np.int64)
    for row, (point, answer) in enumerate(pairs):
        end = len(point) + len(answer)
        states[row, : len(point)] = point
        states[row, len(point) : end] = answer
        sides[row, : len(point)] = 0
        mask[row, :end] = 1
    return torch.from_numpy(states), torch.from_numpy(sides), torch.from_numpy(mask)
