"""Matrix-Game 3.0's attention in 8 bits, in both forms, and what is kept of a clip."""

from __future__ import annotations

import pytest
import torch

from worldmodel.bench.counting import counted
from worldmodel.layers.kept import Kept, once
from worldmodel.layers.quantize import plain_product, whole_product
from worldmodel.models.matrix_game3.int8 import Int8Linear, int8_layers, is_quantised, truncated_rows
from worldmodel.models.matrix_game3.network import MatrixGame3
from worldmodel.models.matrix_game3.sizes import Sizes
from worldmodel.models.shapes import network_of

SIZES = Sizes(
    dim=48, ffn_dim=64, freq_dim=32, layers=2, text_dim=20, channels=48, cell=16, keyboard_dim=6, keyboard_width=8,
    action_heads=2, action_head_size=16, action_blocks=(0,), heads=3, action_rotated=4,
)  # fmt: skip


def error(layer: Int8Linear, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> float:
    exact = x @ weight.t() + bias
    return ((layer(x) - exact).norm() / exact.norm()).item()


def test_truncation_nearly_doubles_the_error() -> None:
    draw = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(96, 256, generator=draw).bfloat16().float(), torch.randn(96, generator=draw)
    x = torch.randn(500, 256, generator=draw)
    rounded, cut = (error(Int8Linear.of(weight, bias, rounds=form), x, weight, bias) for form in (True, False))
    assert 0.009 < rounded < 0.012 and 1.4 < cut / rounded < 2


@pytest.mark.parametrize("rounds", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_token_of_zeros_gives_the_bias_and_shapes_and_precision_stay(rounds: bool, dtype: torch.dtype) -> None:
    layer = Int8Linear.of(torch.randn(6, 8), torch.ones(6), rounds=rounds)
    out = layer(torch.zeros(2, 3, 8, dtype=dtype))
    assert out.dtype == dtype and out.shape == (2, 3, 6) and (out == 1).all()
    assert Int8Linear.of(torch.randn(6, 8), None, rounds=rounds)(torch.randn(4, 8, dtype=dtype)).dtype == dtype


def test_truncation_goes_towards_zero() -> None:
    rows, scale = truncated_rows(torch.tensor([[127.0, 0.99, -0.99, 1.99, -1.99]]))
    assert rows.tolist() == [[127, 0, 0, 1, -1]] and scale.item() == 1


def spelled_out(x: torch.Tensor, layer: Int8Linear) -> torch.Tensor:
    """Compute a layer step by step, in float32 wherever it is not said otherwise."""
    largest = x.float().abs().amax(dim=1, keepdim=True)
    size = (largest / 127).clamp_min(1e-12) if layer.rounds else 1 / (127 / largest.clamp_min(1e-12))
    rows = (x.float() / size).round() if layer.rounds else x.float() * (torch.full_like(largest, 127) / largest)
    product = plain_product(rows.to(torch.int8), layer.packed).float() * size * layer.scale.t()
    if layer.rounds:
        return product.to(x.dtype) + layer.bias.to(x.dtype)
    return (product.bfloat16() + layer.bias.bfloat16()).to(x.dtype)


@pytest.mark.parametrize("rounds", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_no_bit_depends_on_where_numbers_are_converted(rounds: bool, dtype: torch.dtype) -> None:
    draw = torch.Generator().manual_seed(2)
    layer = Int8Linear.of(torch.randn(40, 64, generator=draw), torch.randn(40, generator=draw), rounds=rounds)
    x = (torch.randn(33, 64, generator=draw) * torch.logspace(-3, 3, 33)[:, None]).to(dtype)
    expected = spelled_out(x, layer)
    assert torch.equal(layer(x), expected)
    with torch.inference_mode():
        assert torch.equal(layer(x), expected)
    wanted = x.clone().requires_grad_()
    assert torch.equal(layer(wanted).detach(), expected)


@pytest.mark.parametrize(("rounds", "most"), [(True, 46), (False, 42)])
def test_a_layer_costs_so_many_bytes_a_number(rounds: bool, most: int) -> None:
    network = MatrixGame3(SIZES, device="meta", operations=int8_layers(rounds=rounds))
    layer = network.blocks[0].self_attn.q
    layer.pack()
    x = torch.empty(1, 4096, 48, device="meta", dtype=torch.bfloat16)
    with counted() as counter:
        layer(x)
    assert counter.cost.bytes <= most * x.numel() + 10 * 4096 * 4


def test_products_of_whole_numbers_are_exact() -> None:
    draw = torch.Generator().manual_seed(1)
    x, weight = (torch.randint(-128, 128, shape, generator=draw, dtype=torch.int8) for shape in ((33, 512), (40, 512)))
    exact = x.long() @ weight.long().t()
    assert torch.equal(whole_product(x, weight).long(), exact) and torch.equal(plain_product(x, weight).long(), exact)


@pytest.mark.parametrize("rounds", [True, False])
def test_the_projections_of_both_attentions_are_packed_and_nothing_else(rounds: bool) -> None:
    weights = MatrixGame3(SIZES).state_dict()
    network = network_of(MatrixGame3, weights, SIZES, operations=int8_layers(rounds=rounds))
    packed = {name for name, layer in network.named_modules() if getattr(layer, "packed", None) is not None}
    assert packed == {
        f"blocks.{block}.{part}_attn.{name}" for block in (0, 1) for part in ("self", "cross") for name in "qkvo"
    }
    assert all(map(is_quantised, packed))
    assert not is_quantised("blocks.0.action_model.mouse_attn_q") and not is_quantised("blocks.0.ffn.0")
    assert all(layer.rounds == rounds for layer in network.modules() if isinstance(layer, Int8Linear))


def test_the_release_rounds_its_weights_first() -> None:
    weight = torch.randn(8, 16)
    rounded, plain = (Int8Linear.of(weight, None, rounds=form) for form in (False, True))
    assert torch.equal(rounded.scale, Int8Linear.of(weight.bfloat16().float(), None).scale)
    assert not torch.equal(rounded.scale, plain.scale)


# ---------------------------------------------------------------- kept


def test_a_budget_decides_how_much_is_kept_and_never_what_it_is() -> None:
    kept, made = Kept(100), []

    def make(size: int) -> torch.Tensor:
        made.append(size)
        return torch.full((size,), float(size))

    for _ in range(2):
        for size in (10, 20, 5):
            assert torch.equal(once(kept, size, lambda size=size: make(size)), torch.full((size,), float(size)))
    assert made == [10, 20, 5, 20] and kept.bytes == 60  # 20 floats do not fit behind 10
    assert "2 slots" in repr(kept)
    apart = kept.part("null")
    assert torch.equal(once(apart, 10, lambda: make(2)), torch.full((2,), 2.0)) and kept.bytes == 68
    assert torch.equal(kept.part("null").once(10, lambda: make(3)), torch.full((2,), 2.0))


def test_pairs_are_kept_as_they_are_and_without_a_keeper_all_is_made_anew() -> None:
    kept, pair = Kept(), (torch.ones(2), torch.zeros(3))
    assert kept.once("a", lambda: pair) is pair and kept.once("a", lambda: None) is pair
    assert kept.bytes == 20
    assert once(None, "a", lambda: 1) == 1 and once(None, "a", lambda: 2) == 2
