"""Products that take along what comes next give what both give apart; a layer with more to it is called."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from worldmodel.bench.counting import counted
from worldmodel.layers import lean
from worldmodel.layers.lean import MANY, activated, added, apart, fed, modulated, raised, tiled, written


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


@torch.inference_mode()
def test_few_numbers_of_rows_reach_the_kernel_that_keeps_code_for_each() -> None:
    class Rows(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
            if "_linear_pointwise" in str(func):
                asked.add(args[0].shape[-2])
            return func(*args, **(kwargs or {}))

    asked: set[int] = set()
    layers = nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.Linear(8, 4))
    with Rows():
        for tokens in (3, 8, 9, 16):
            x = drawn(1, tokens, 6)
            found = activated(layers, x, whole=8)
            assert found.shape == (1, tokens, 4)
            torch.testing.assert_close(found, layers(x))
    assert asked == ({8, 16} if torch.backends.mkldnn.is_available() else set())


@torch.inference_mode()
def test_a_convolution_in_tiles_gives_the_same_and_lays_no_weights_out_anew() -> None:
    class Convolved(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
            asked.append("conv" in str(func))
            return func(*args, **(kwargs or {}))

    class Twice(nn.Conv3d):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 2 * super().forward(x)

    many, whole, half = MANY // 1536 + 1, torch.float32, torch.bfloat16
    for kind, width, dtype, calls_it in (
        (nn.Conv3d, many, whole, False),
        (nn.Conv3d, many, half, False),
        (nn.Conv3d, 5, whole, True),
        (Twice, 200, whole, True),
    ):
        asked: list[bool] = []
        layer, x = kind(3, width, kernel_size=(1, 16, 32), stride=(1, 16, 32)).to(dtype), drawn(2, 3, 2, 32, 96)
        with Convolved():
            found = tiled(layer, x.to(dtype))
        assert found.dtype == dtype
        rough = 1e-2 if dtype is half else 1e-5
        torch.testing.assert_close(found.float(), layer.float()(x.to(dtype).float()), atol=rough, rtol=rough)
        assert any(asked) is calls_it


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
    convolution = nn.Conv3d(2, MANY // 512, (1, 16, 16), (1, 16, 16))
    tiled(convolution, drawn(1, 2, 1, 16, 32)).sum().backward()
    assert convolution.weight.grad is not None and convolution.bias.grad is not None


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
    convolution = nn.Conv3d(2, MANY // 512, (1, 16, 16), (1, 16, 16))
    convolution.register_forward_hook(lambda module, given, out: heard.append("tiles"))
    tiled(convolution, drawn(1, 2, 1, 16, 32))
    own = layers.forward
    layers.forward = lambda x: (heard.append("another pack's"), own(x))[1]
    fed(layers, drawn(2, 6))
    assert heard == ["after", "before", "Sequential", "Linear", "GELU", "tiles", "another pack's"]


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


@pytest.mark.parametrize("kind", [nn.Linear, Other])
@torch.inference_mode()
def test_what_is_written_is_what_the_layer_makes(kind: type[nn.Linear]) -> None:
    layer, x = kind(6, 8), drawn(1, 5, 6)
    cache = torch.zeros(1, 9, 2, 4)
    room = cache[:, 2:7]
    assert written(layer, x, room) is room
    assert torch.equal(room.flatten(2), layer(x)) and not cache[:, :2].any() and not cache[:, 7:].any()


@pytest.mark.parametrize("latents", [1, 3])
@torch.inference_mode()
def test_a_norm_is_modulated_in_one_kernel_where_all_tokens_are_told_the_same(latents: int) -> None:
    norm, x = nn.LayerNorm(8, eps=1e-6, elementwise_affine=False), drawn(2, 6, 8)
    batch = 1 if latents == 1 else 2
    shift, gain = drawn(batch, latents, 1, 8), 1 + drawn(batch, latents, 1, 8)
    expected = (norm(x).unflatten(1, (latents, -1)) * gain + shift).flatten(1, 2)
    with counted() as counter:
        found = modulated(norm, x, shift, gain)
    torch.testing.assert_close(found, expected)
    assert (counter.cost.kernels == 1) == (latents == 1)


@pytest.mark.parametrize("kind", [nn.Linear, Other])
@torch.inference_mode()
def test_parts_of_a_layer_come_apart_as_the_layer_makes_them(kind: type[nn.Linear]) -> None:
    layer, x = kind(6, 12, bias=False), drawn(2, 5, 6)
    parts = apart(layer, x, 3)
    torch.testing.assert_close(parts.movedim(0, -2).flatten(-2), layer(x))
    assert parts[1].is_contiguous() == (kind is nn.Linear)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("approximate", ["none", "tanh"])
@torch.inference_mode()
def test_a_gelu_over_what_it_reads_changes_no_bit(dtype: torch.dtype, approximate: str) -> None:
    layers = nn.Sequential(nn.Linear(6, 70), nn.GELU(approximate=approximate), nn.Linear(70, 4)).to(dtype)
    x = 3 * drawn(2, 5, 6).to(dtype)
    with counted() as counter:
        found = fed(layers, x)
    assert torch.equal(found, layers(x)) and "gelu_" in counter.by_name


def test_on_a_card_a_product_and_its_gelu_are_one_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """That kernel's GELU is tanh's on a card, and the other on a CPU, from which it lies 1e-3 away at most."""
    layers = nn.Sequential(nn.Linear(6, 70), nn.GELU(approximate="tanh"), nn.Linear(70, 4))
    x = 3 * drawn(2, 5, 6)
    without = layers.to("meta"), x.to("meta")
    with counted() as counter:
        fed(*without)
    assert counter.cost.kernels == 2 and counter.cost.flop == 2 * 10 * 70 * (6 + 4)
    layers = nn.Sequential(nn.Linear(6, 70), nn.GELU(approximate="tanh"))
    monkeypatch.setattr(lean, "GELU_DEVICES", ("cpu",))
    with torch.inference_mode():
        torch.testing.assert_close(fed(layers, x), layers(x), rtol=0, atol=1e-3)
