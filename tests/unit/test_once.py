"""Nothing is computed per step that is constant per chunk or per rollout, and making it once changes no bit."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from worldmodel.families.begin import begin
from worldmodel.layers.cache import PlainCache
from worldmodel.models.matrix_game2.network import MatrixGame2, Sizes, Step
from worldmodel.rollout.session import Predict, bare
from worldmodel.variants import VARIANTS
from worldmodel.world.state import Controls, Start, new_world

CHUNKS = 4
NAMES = [name for name, variant in VARIANTS.items() if variant.family == "matrix_game_2"]


def network_of(name: str, dtype: torch.dtype) -> MatrixGame2:
    torch.manual_seed(0)
    variant = VARIANTS[name]
    network = MatrixGame2(
        Sizes(
            dim=48,
            heads=2,
            ffn_dim=64,
            freq_dim=32,
            layers=2,
            context_dim=20,
            keyboard_dim=len(variant.keyboard.words),
            keyboard_width=6,
            action_heads=1,
            action_blocks=[0],
            mouse=variant.mouse is not None,
        )
    )
    return network.to(dtype)


def roll_out(name: str, predict: Predict) -> Tensor:
    generator, variant = torch.Generator().manual_seed(2), VARIANTS[name]
    condition = torch.randn(20, 5, 4, 6, generator=generator)
    start = Start(name, variant.latent_format, condition, torch.randn(7, 20, generator=generator))
    session = begin(new_world(start), predict)
    for index in range(CHUNKS):
        keyboard = torch.rand(variant.chunking.frames(index), len(variant.keyboard.words), generator=generator).round()
        mouse = torch.randn(variant.chunking.frames(index), 2, generator=generator) * 0.1
        session.step(Controls(keyboard, None if variant.mouse is None else mouse), seed=0)
    return torch.cat([chunk.latents for chunk in session.world.chunks], dim=1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", NAMES)
def test_making_things_once_and_writing_in_place_change_no_bit(name: str, dtype: torch.dtype) -> None:
    fast = bare(network_of(name, dtype))
    plain = PlainCache(VARIANTS[name].window, VARIANTS[name].chunking.later)

    def plainly(x: Tensor, step: Step) -> Tensor:
        return fast(x, step._replace(cache=plain))

    assert torch.equal(roll_out(name, fast), roll_out(name, plainly))


def test_what_lasts_is_made_once() -> None:
    name = "tiny_world"
    network, steps = network_of(name, torch.float32), len(VARIANTS[name].steps) + 1
    expected = {
        "img_emb": 1,
        "blocks.0.cross_attn.k": 1,
        "blocks.1.cross_attn.v": 1,
        "time_embedding": steps,
        "time_projection": steps,
        "blocks.0.action_model.keyboard_embed": CHUNKS,
        "blocks.0.action_model.keyboard_attn_kv": CHUNKS,
        "blocks.0.self_attn.k": CHUNKS * steps - 1,  # the last chunk's clean pass has not run
    }
    calls = dict.fromkeys(expected, 0)

    def count(path: str) -> None:
        calls[path] += 1

    for path in expected:
        network.get_submodule(path).register_forward_hook(lambda *_, path=path: count(path))
    roll_out(name, bare(network))
    assert calls == expected
