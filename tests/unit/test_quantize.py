"""Layers in 8 bits: small errors, small weights, and only where the pattern says so."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from worldmodel.layers.quantize import ATTENTION, KINDS, QuantisedLinear, int8_product, layers, plain_product, quantise
from worldmodel.models.matrix_game2.network import MatrixGame2, Sizes

SIZES = {
    "dim": 48, "heads": 2, "ffn_dim": 64, "freq_dim": 32, "layers": 2, "context_dim": 20, "keyboard_dim": 4,
    "keyboard_width": 6, "action_heads": 1, "action_blocks": [0], "mouse": True,
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_a_quantised_layer_is_nearly_the_plain_one_in_a_quarter_of_the_memory(kind: str) -> None:
    torch.manual_seed(0)
    plain, layer = nn.Linear(96, 64), layers(kind, "").Linear(96, 64)
    layer.load_state_dict(plain.state_dict())
    x = torch.randn(2, 5, 96)
    error = (layer(x) - plain(x)).norm() / plain(x).norm()
    assert 0 < error < (0.04 if kind == "fp8_weights" else 0.015)
    assert layer.bytes < 0.3 * plain.weight.nbytes


def test_whole_numbers_times_powers_of_two_are_kept() -> None:
    weight = torch.tensor([[127.0, -3.0], [0.5, 63.5]])
    packed, scale = quantise(weight, "int8")
    assert torch.equal(packed.float() * scale, weight)


@torch.no_grad()
def test_the_devices_integer_product_is_exact() -> None:
    x, weight = (torch.randint(-127, 128, (size, 40), dtype=torch.int8) for size in (33, 24))
    assert torch.equal(torch._int_mm(x, weight.t()).double(), plain_product(x, weight))
    whole = x.float() * 0.5
    whole[:, 0] = 63.5  # so that the scale of every token is a half
    expected = whole.double() @ weight.double().t()
    torch.testing.assert_close(int8_product(whole, weight, torch.ones(24, 1)).double(), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_layers_that_the_pattern_names_are_quantised(kind: str) -> None:
    plain = MatrixGame2(Sizes(**SIZES))
    network = MatrixGame2(Sizes(**SIZES), operations=layers(kind, ATTENTION), device="meta")
    network.load_state_dict(plain.state_dict(), strict=True, assign=True)
    named = {name: module for name, module in network.named_modules() if isinstance(module, QuantisedLinear)}
    packed = {name for name, module in named.items() if module.packed is not None}
    assert packed == {f"blocks.{i}.{kind}_attn.{part}" for i in (0, 1) for kind in ("self", "cross") for part in "qkvo"}
    before = [named[name].packed.dtype for name in packed]
    network.to(torch.bfloat16)
    assert [named[name].packed.dtype for name in packed] == before


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="kind: found 'int4', expected one of int8"):
        layers("int4")
