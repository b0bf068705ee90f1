"""Products that take along what comes next give what both give apart; a layer with more to it is called."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from worldmodel.bench.counting import counted
from worldmodel.layers.lean import activated, added, raised


class Other(nn.Linear):
    """As a host's layer: called, it does more than its weight says."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(x)


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", [nn.Linear, Other])
@pytest.mark.parametrize("in_place", [False, True])
@torch.inference_mode()
def test_a_change_is_added_as_the_layer_makes_it(kind: type[nn.Linear], in_place: bool) -> None:
    layer, change = kind(6, 8, bias=False), drawn(2, 5, 6)
    for x in (drawn(2, 5, 8), drawn(2, 5, 11)[..., :8]):
        expected, before = x + layer(change), x.clone()
        found = added(x, layer, change, in_place=in_place)
        torch.testing.assert_close(found, expected)
        assert found.shape == x.shape
        if not in_place:
            assert torch.equal(x, before) and found.is_contiguous()


@pytest.mark.parametrize("kind", [nn.Linear, Other])
@torch.inference_mode()
def test_a_number_is_added_as_the_layer_makes_it(kind: type[nn.Linear]) -> None:
    layer, x = kind(6, 8), drawn(2, 5, 6)
    bias = layer.bias.clone()
    torch.testing.assert_close(raised(layer, x, 1), layer(x) + 1)
    assert torch.equal(layer.bias, bias)


@pytest.mark.parametrize("kind", [nn.Linear, Other])
@pytest.mark.parametrize("approximate", ["none", "tanh"])
@torch.inference_mode()
def test_a_sequence_gives_the_same(kind: type[nn.Linear], approximate: str) -> None:
    layers = nn.Sequential(kind(6, 8), nn.GELU(approximate=approximate), nn.Linear(8, 4), nn.LayerNorm(4))
    x = 3 * drawn(2, 5, 6)
    torch.testing.assert_close(activated(layers, x), layers(x))
    torch.testing.assert_close(activated(layers.bfloat16(), x.bfloat16()), layers(x.bfloat16()))


def test_gradients_reach_all_of_it() -> None:
    layer, x, change = nn.Linear(6, 8, bias=False), drawn(2, 5, 8).requires_grad_(), drawn(2, 5, 6).requires_grad_()
    added(x, layer, change, in_place=True).sum().backward()
    assert x.grad is not None and change.grad is not None and layer.weight.grad is not None
    other = nn.Linear(6, 8)
    raised(other, change, 1).sum().backward()
    assert other.weight.grad is not None and other.bias.grad is not None
    layers = nn.Sequential(nn.Linear(6, 8), nn.GELU())
    activated(layers, change).sum().backward()
    assert layers[0].weight.grad is not None


@torch.inference_mode()
def test_who_hooks_a_layer_hears_of_it() -> None:
    heard: list[str] = []
    layer = nn.Linear(6, 6, bias=False)
    layer.register_forward_hook(lambda module, given, out: heard.append("after"))
    added(drawn(2, 6), layer, drawn(2, 6))
    other = nn.Linear(6, 6)
    other.register_forward_pre_hook(lambda module, given: heard.append("before"))
    raised(other, drawn(2, 6), 1)
    layers = nn.Sequential(nn.Linear(6, 6), nn.GELU(), nn.Linear(6, 6))
    for place in (layers, layers[0], layers[1]):
        handle = place.register_forward_hook(lambda module, given, out: heard.append(type(module).__name__))
        activated(layers, drawn(2, 6))
        handle.remove()
    assert heard == ["after", "before", "Sequential", "Linear", "GELU"]


def test_a_sum_costs_no_pass_of_its_own() -> None:
    layer, x, change = (
        nn.Linear(64, 64, bias=False, device="meta"),
        *(torch.empty(1, 100, 64, device="meta") for _ in "xy"),
    )
    for in_place in (False, True):
        with counted() as counter:
            added(x, layer, change, in_place=in_place)
        assert counter.cost == (1, 3 * x.nbytes + layer.weight.nbytes, 2 * 100 * 64 * 64)
    with counted() as counter:
        torch.add(x, change, out=torch.empty_like(x))
    assert counter.cost == (1, 3 * x.nbytes, 0)
