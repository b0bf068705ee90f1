"""What a pass of Matrix-Game 3.0's network costs: kernels, and bytes that they read and write.

The authors' network was counted in the same way at the same sizes, in float32 on a CPU, with torch's own attention in
place of theirs, which needs a GPU.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from worldmodel.layers.kept import Kept
from worldmodel.models.matrix_game3.conditions import Clip, Fetched, clip_call
from worldmodel.models.matrix_game3.network import MatrixGame3
from worldmodel.models.matrix_game3.sizes import Sizes

SIZES = Sizes(
    dim=96, ffn_dim=448, freq_dim=256, layers=8, text_dim=4096, channels=48, cell=16, keyboard_dim=6,
    keyboard_width=128, action_heads=1, action_head_size=64, action_blocks=(0, 1, 2, 3), heads=3,
)  # fmt: skip
GRID, WORDS = (8, 12), 64
AUTHORS = {"first": (1420, 396_241_813), "later": (2098, 443_657_045)}
"""Kernels and bytes of one pass."""


class Count(TorchDispatchMode):
    """Counts kernels, which are operations that give more than a view, and the bytes of their operands and results."""

    def __init__(self) -> None:
        super().__init__()
        self.kernels = self.bytes = 0

    def __torch_dispatch__(self, operation: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        out = operation(*args, **(kwargs or {}))
        given, made = ([t for t in tree_leaves(part) if isinstance(t, Tensor)] for part in ((args, kwargs), out))
        aliases = [result.alias_info for result in operation._schema.returns]
        written = any(alias and alias.is_write for alias in aliases)
        viewed = any(alias and not alias.is_write for alias in aliases)
        known = {tensor.untyped_storage()._cdata for tensor in given}
        new = any(tensor.untyped_storage()._cdata not in known for tensor in made)
        if not viewed and (written or new) and not operation._schema.name.startswith("aten::empty"):
            self.kernels += 1
            self.bytes += sum(tensor.nbytes for tensor in (*given, *made))
        return out


def clip(kind: str) -> tuple[Clip, Fetched | None]:
    past, latents, memories = (1, 15, 0) if kind == "first" else (4, 14, 5)
    start = 0 if kind == "first" else 11
    rows = 57 if kind == "first" else 56
    parts = Clip(
        torch.randn(1, 48, past, *GRID), torch.arange(start, start + latents), torch.randn(1, rows, 6),
        torch.randn(1, rows, 2), torch.randn(1, 1536, latents, *GRID),
    )  # fmt: skip
    if not memories:
        return parts, None
    rays = torch.randn(1, 1536, memories, *GRID)
    return parts, Fetched(torch.randn(1, 48, memories, *GRID), torch.arange(memories), rays)


@pytest.mark.parametrize("kind", AUTHORS)
@torch.no_grad()
def test_a_pass_costs_less_than_half_of_the_authors(kind: str) -> None:
    torch.manual_seed(0)
    network = MatrixGame3(SIZES).eval()
    parts, memory = clip(kind)
    x = torch.randn(1, 48, len(parts.positions) - parts.past.shape[2], *GRID)
    counted = {}
    for name, kept in (("anew", None), ("kept", Kept())):
        call = clip_call(parts, torch.randn(1, WORDS, SIZES.text_dim), memory, kept=kept).at(908.0)
        network(x, call=call)
        with Count() as count:
            network(x, call=call)
        counted[name] = count.kernels, count.bytes
    kernels, size = AUTHORS[kind]
    for ours in counted.values():
        assert ours[0] <= kernels / 2 and ours[1] <= size / 2
    assert counted["kept"][0] <= 0.75 * counted["anew"][0] and counted["kept"][1] <= 0.85 * counted["anew"][1]
