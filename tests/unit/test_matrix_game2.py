"""Laws of the Matrix-Game 2 network, on small random weights.

Shapes: B batch, T latents, h, w latent grid.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import rms_norm

from worldmodel.layers.attention import attention, few_keys_attention, fused_attention, grouped_attention, groups_of
from worldmodel.layers.cache import KVCache
from worldmodel.layers.norms import HandNorm
from worldmodel.layers.wan import cast_like, modulation_parameter
from worldmodel.models.matrix_game2.network import MatrixGame2, Sizes, Step, sizes_from_state_dict

CHUNK, CHUNKS, BATCH, GRID = 3, 4, 2, (4, 6)
SIZES = {
    "dim": 48,
    "heads": 2,
    "ffn_dim": 64,
    "freq_dim": 32,
    "layers": 3,
    "context_dim": 20,
    "keyboard_dim": 4,
    "keyboard_width": 6,
    "action_heads": 1,
    "action_blocks": [0, 1],
    "mouse": True,
}


def network(operations: object = torch.nn, dtype: torch.dtype | None = None, **changes: object) -> MatrixGame2:
    torch.manual_seed(0)
    return MatrixGame2(Sizes(**{**SIZES, **changes}), dtype=dtype, operations=operations)


def inputs(latents: int, batch: int = BATCH) -> tuple[Tensor, Step]:
    """Return x and a step without cache for latents 0, 1, ..."""
    generator = torch.Generator().manual_seed(1)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    step = Step(
        timesteps=torch.rand(batch, latents, generator=generator) * 1000,
        positions=torch.arange(latents),
        image_condition=draw(batch, 20, latents, *GRID),
        image_tokens=draw(batch, 7, SIZES["context_dim"]),
        keyboard=draw(batch, latents, 12, SIZES["keyboard_dim"]).gt(0).float(),
        mouse=draw(batch, latents, 12, 2) * 0.1,
    )
    return draw(batch, 16, latents, *GRID), step


def part(step: Step, at: Tensor, **changes: object) -> Step:
    """Return the step of the latents `at`."""
    cut = step._replace(
        timesteps=step.timesteps[:, at],
        positions=step.positions[at],
        image_condition=step.image_condition[:, :, at],
        keyboard=step.keyboard[:, at],
        mouse=step.mouse[:, at],
    )
    return cut._replace(**changes)


def teacher_forcing_mask(window: int) -> Tensor:
    """Return who sees whom in [clean latents | noisy latents]."""
    latent = torch.arange(CHUNK * CHUNKS)
    first = latent // CHUNK * CHUNK
    past = (latent < first[:, None]) & (latent >= first[:, None] - (window - CHUNK))
    same = first == first[:, None]
    return torch.cat((torch.cat((past | same, past & False), 1), torch.cat((past, same), 1)))


@pytest.mark.parametrize("window", [3, 4, 6, 9])
@torch.no_grad()
def test_one_masked_pass_equals_the_cached_passes(window: int) -> None:
    model, (noisy, step) = network(), inputs(CHUNK * CHUNKS)
    clean = noisy.flip(0) * 0.7
    zeros = torch.zeros_like(step.timesteps)
    both = part(step, torch.arange(CHUNK * CHUNKS).repeat(2), mask=teacher_forcing_mask(window))
    both = both._replace(timesteps=torch.cat((zeros, step.timesteps), 1))
    masked = model(torch.cat((clean, noisy), 2), call=both)[:, :, CHUNK * CHUNKS :]
    cache = KVCache(window, CHUNK)
    for chunk in range(CHUNKS):
        at = torch.arange(chunk * CHUNK, (chunk + 1) * CHUNK)
        cached = model(noisy[:, :, at], call=part(step, at, cache=cache))
        torch.testing.assert_close(cached, masked[:, :, at], atol=1e-5, rtol=0)
        model(clean[:, :, at], call=part(step, at, cache=cache, commit=True, timesteps=zeros[:, at]))


@torch.no_grad()
def test_a_batch_equals_its_members() -> None:
    model, (x, step) = network(), inputs(5)
    together = model(x, call=step)
    for member in range(BATCH):
        this = slice(member, member + 1)
        alone = step._replace(
            **{
                name: getattr(step, name)[this]
                for name in ("timesteps", "image_condition", "image_tokens", "keyboard", "mouse")
            }
        )
        torch.testing.assert_close(model(x[this], call=alone)[0], together[member])


@torch.no_grad()
def test_only_relative_positions_matter_and_none_is_too_large() -> None:
    model, (x, step) = network(), inputs(CHUNK)
    here = model(x, call=step)
    far = model(x, call=step._replace(positions=step.positions + 1_000_000))
    torch.testing.assert_close(far, here, atol=1e-4, rtol=0)


def test_gradients_reach_every_weight_that_acts() -> None:
    model, (x, step) = network(), inputs(CHUNK * CHUNKS)
    both = part(step, torch.arange(CHUNK * CHUNKS).repeat(2), mask=teacher_forcing_mask(6))
    model(torch.cat((x, x), 2), call=both).square().mean().backward()
    idle = [name for name, weight in model.named_parameters() if weight.grad is None]
    assert all(name.endswith(("attn_q_norm.weight", "attn_k_norm.weight")) for name in idle)
    assert all(bool(weight.grad.abs().sum() > 0) for weight in model.parameters() if weight.grad is not None)


@pytest.mark.parametrize("masked", [False, True])
def test_attention_to_few_keys_equals_the_fused_form(masked: bool) -> None:
    generator = torch.Generator().manual_seed(1)
    q, k, v = (torch.randn(2, 3, size, 8, generator=generator) for size in (5, 7, 7))
    mask = torch.rand(5, 7, generator=generator) > 0.3 if masked else None
    torch.testing.assert_close(few_keys_attention(q, k, v, mask), fused_attention(q, k, v, mask))


@pytest.mark.parametrize("window", [3, 4, 6, 9])
def test_attention_by_groups_equals_attention_under_the_mask(window: int) -> None:
    mask, tokens = teacher_forcing_mask(window), 5
    generator = torch.Generator().manual_seed(1)
    q, k, v = (torch.randn(2, len(mask) * tokens, 3, 8, generator=generator) for _ in range(3))
    wide = mask.repeat_interleave(tokens, 0).repeat_interleave(tokens, 1)
    torch.testing.assert_close(grouped_attention(q, k, v, groups_of(mask, tokens)), attention(q, k, v, mask=wide))


@pytest.mark.parametrize("weighted", [False, True])
def test_norms_with_gradients_by_hand_equal_torchs(weighted: bool) -> None:
    generator = torch.Generator().manual_seed(1)
    x, towards = (torch.randn(2, 5, 12, generator=generator, dtype=torch.float32) for _ in range(2))
    pairs = []
    for function in (lambda x, w: HandNorm.apply(x, w, 1e-6), lambda x, w: rms_norm(x, (12,), w, 1e-6)):
        inputs = [x.clone().requires_grad_()]
        weight = torch.linspace(0.5, 2, 12).requires_grad_() if weighted else None
        out = function(*inputs, weight)
        out.backward(towards)
        pairs.append([out, inputs[0].grad, *([weight.grad] if weighted else [])])
    for a, b in zip(*pairs, strict=True):
        torch.testing.assert_close(a, b)


def test_autocast_trains_close_to_float32() -> None:
    model, (x, step) = network(), inputs(CHUNK * 2)
    exact = model(x, call=step)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = model(x, call=step)
    assert rounded.dtype == torch.float32
    assert (rounded - exact).abs().max() < 0.05 * exact.abs().max()
    rounded.square().mean().backward()


@torch.no_grad()
def test_a_bf16_network_still_tells_close_timesteps_apart() -> None:
    model, (x, step) = network(dtype=torch.bfloat16), inputs(CHUNK)
    seen: list[Tensor] = []
    model.time_embedding.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0]))
    for timestep in (908.8427, 908.0):
        timed = step._replace(timesteps=torch.full_like(step.timesteps, timestep))
        model(x.bfloat16(), torch.tensor([908.0]), call=timed)
    # fast features turn by 0.84 radians between the two; a timestep rounded to bf16 would give equal features
    assert (seen[0].float() - seen[1].float()).abs().max() > 0.5


@pytest.mark.parametrize("acting", [(0,), (0, 1, 2)])
@torch.inference_mode()
def test_a_clean_pass_that_nobody_reads_leaves_the_same_history(acting: tuple[int, ...]) -> None:
    net = network(action_blocks=acting, layers=3)
    x, step = inputs(CHUNK, batch=1)
    caches = KVCache(2 * CHUNK, CHUNK), KVCache(2 * CHUNK, CHUNK)
    for cache, read in zip(caches, (True, False), strict=True):
        for _ in range(3):
            velocity = net(x, call=step.clean()._replace(cache=cache, read=read))
            assert torch.equal(velocity, x) != read
    for one, two in zip(*(cache.snapshot() for cache in caches), strict=True):
        assert one[0] == two[0] and all(torch.equal(a, b) for a, b in zip(one[1:], two[1:], strict=True))


@torch.inference_mode()
def test_a_clean_pass_that_goes_wrong_says_so_although_nobody_reads_it() -> None:
    net = network(layers=3)
    net.blocks[1].ffn[0].bias[0] = float("nan")
    x, step = inputs(CHUNK, batch=1)
    assert not net(x, call=step.clean()._replace(cache=KVCache(2 * CHUNK, CHUNK))).isfinite().any()


def test_a_sampler_is_told_what_to_use() -> None:
    x, _ = inputs(CHUNK)
    with pytest.raises(ValueError, match="use Rollout World instead of a sampler such as KSampler"):
        network()(x, torch.zeros(BATCH), torch.zeros(BATCH, 7, SIZES["context_dim"]))


@torch.no_grad()
def test_an_attention_that_comes_with_the_layers_is_used() -> None:
    indices = []

    class Layers(torch.nn.Module):
        Linear, LayerNorm, RMSNorm, Conv3d = (
            torch.nn.Linear, torch.nn.LayerNorm, torch.nn.RMSNorm, torch.nn.Conv3d,
        )  # fmt: skip

        @staticmethod
        def attention(q, k, v, heads, mask=None, transformer_options=None):
            indices.append((transformer_options["block_index"], transformer_options["mine"]))
            q, k, v = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in (q, k, v))
            out = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
            return out.transpose(1, 2).flatten(2)

    x, step = inputs(CHUNK)
    expected = network()(x, call=step)
    out = network(operations=Layers)(x, transformer_options={"mine": 7}, call=step)
    torch.testing.assert_close(out, expected)
    assert indices == [(block, 7) for block in range(SIZES["layers"]) for _ in ("self", "cross")]


def test_raw_parameters_can_be_stored_in_eight_bits() -> None:
    parameter = modulation_parameter(6, 48, dtype=torch.float8_e4m3fn)
    used = cast_like(parameter, torch.zeros(1, dtype=torch.bfloat16))
    assert used.dtype == torch.bfloat16 and 0.5 < float(used.detach().float().std()) * 48**0.5 < 1.5


@pytest.mark.parametrize("changes", [{}, {"mouse": False, "keyboard_dim": 7}, {"action_blocks": [1]}])
def test_sizes_are_read_off_the_weights(changes: dict) -> None:
    model = network(**changes)
    sizes = sizes_from_state_dict(model.state_dict(), {"heads": SIZES["heads"]})
    assert sizes == {**SIZES, "in_dim": 36, "out_dim": 16, **changes}
    MatrixGame2(Sizes(**sizes)).load_state_dict(model.state_dict(), strict=True)


@torch.no_grad()
def test_the_cache_holds_only_the_window_and_counts_its_bytes() -> None:
    model, (x, step) = network(), inputs(CHUNK * 5)
    cache, sizes = KVCache(5, CHUNK), []
    for chunk in range(5):
        at = torch.arange(chunk * CHUNK, (chunk + 1) * CHUNK)
        model(x[:, :, at], call=part(step, at, cache=cache, commit=True))
        sizes.append(cache.bytes())
    tokens, dim, action = GRID[0] * GRID[1] // 4, SIZES["dim"], SIZES["action_heads"] * 64
    history = SIZES["layers"] * tokens * dim + len(SIZES["action_blocks"]) * (tokens + 1) * action
    cross = SIZES["layers"] * step.image_tokens.shape[1] * dim
    places = tokens * 4 * (dim // SIZES["heads"] // 6)  # turns of rows and columns, the same for all clips
    assert sizes == [BATCH * 2 * 4 * (5 * history + cross) + 4 * places] * 5
