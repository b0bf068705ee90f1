"""The Wan 2.1 VAE: streams, what they remember, and how far back they look; its numbers are judged by conformance."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from worldmodel.vae import convolving
from worldmodel.vae.convolving import convolved
from worldmodel.vae.wan21 import Wan21VAE, from_model_space, to_model_space, wan21_sizes

KEYS = Path(__file__).parents[1] / "golden" / "matrix_game2" / "keys_vae.json"
RELEASED = {"width": 4}
SMALL = {"width": 4, "channels": 6, "multipliers": (1, 3), "blocks": 1, "temporal": (True,)}


def random_vae(sizes: dict[str, Any]) -> Wan21VAE:
    torch.manual_seed(3)
    vae = Wan21VAE(**sizes)
    for parameter in vae.parameters():
        torch.nn.init.normal_(parameter, std=max(0.2, parameter[0].numel() ** -0.5))
    return vae.eval().requires_grad_(False)


@pytest.fixture(params=[RELEASED, SMALL], ids=["released", "small"], scope="module")
def vae(request: pytest.FixtureRequest) -> Wan21VAE:
    """The released topology four numbers wide, and another one."""
    return random_vae(request.param)


def latents_of(vae: Wan21VAE, count: int) -> Tensor:
    return torch.randn(1, vae.channels, count, 2, 2, generator=torch.Generator().manual_seed(1))


def pixels_of(vae: Wan21VAE, latents: int) -> Tensor:
    frames, side = 1 + vae.frames_per_latent * (latents - 1), 2 * vae.pixels_per_latent
    return torch.rand(1, 3, frames, side, side, generator=torch.Generator().manual_seed(2)) * 2 - 1


@pytest.mark.parametrize("chunks", [[3, 3, 3], [1] * 9, [1, 8], [4, 4, 1]])
def test_chunking_a_stream_changes_nothing(vae: Wan21VAE, chunks: list[int]) -> None:
    latents = latents_of(vae, 9)
    whole = vae.decode(latents)
    assert whole.shape[2] == 1 + 8 * vae.frames_per_latent and whole.std() > 0.01
    memory: dict[str, Tensor] = {}
    assert torch.equal(torch.cat([vae.decode(piece, memory) for piece in latents.split(chunks, dim=2)], dim=2), whole)
    pixels, memory = pixels_of(vae, 9), {}
    sizes = [size * vae.frames_per_latent - (vae.frames_per_latent - 1) * (not i) for i, size in enumerate(chunks)]
    pieces = [vae.encode(piece, memory) for piece in pixels.split(sizes, dim=2)]
    assert torch.equal(torch.cat(pieces, dim=2), vae.encode(pixels))


def test_a_stream_remembers_no_more_after_a_long_time(vae: Wan21VAE) -> None:
    memory: dict[str, Tensor] = {}
    held = []
    for latent in latents_of(vae, 12).split(1, dim=2):
        vae.decode(latent, memory)
        held.append(sum(tensor.untyped_storage().nbytes() for tensor in memory.values()))
    assert len(set(held[2:])) == 1


def test_an_image_and_grey_settle_where_the_network_says(vae: Wan21VAE) -> None:
    pixels = pixels_of(vae, vae.settles + 4)
    pixels[:, :, 1:] = 0
    latents = vae.encode(pixels)
    settled = latents[:, :, vae.settles - 1 :]
    assert torch.equal(settled, settled[:, :, :1].expand_as(settled))
    assert not torch.equal(latents[:, :, vae.settles // 2], settled[:, :, 0])


def test_a_stream_that_begins_late_enough_gives_the_same_frames(vae: Wan21VAE) -> None:
    latents = latents_of(vae, vae.reach + 4)
    whole = vae.decode(latents)[:, :, -vae.frames_per_latent :]
    late = vae.decode(latents[:, :, 3:])[:, :, -vae.frames_per_latent :]
    assert torch.equal(late, whole)
    half = vae.decode(latents[:, :, -vae.reach // 2 :])[:, :, -vae.frames_per_latent :]
    assert not torch.equal(half, whole)


def test_the_released_topology_looks_back_as_far_as_the_specification_says() -> None:
    vae = Wan21VAE(width=4, device="meta")
    assert (vae.settles, vae.reach) == (30, 39)


def test_sizes_are_read_from_the_weights() -> None:
    for sizes in (RELEASED, SMALL):
        wanted = {key: tuple(value.shape) for key, value in Wan21VAE(**sizes, device="meta").state_dict().items()}
        found = wan21_sizes(Wan21VAE(**sizes, device="meta").state_dict())
        again = Wan21VAE(**found, device="meta").state_dict()
        assert {key: tuple(value.shape) for key, value in again.items()} == wanted


def test_every_released_tensor_has_its_place() -> None:
    listed = {key: tuple(shape) for key, (shape, _) in json.loads(KEYS.read_text(encoding="utf-8")).items()}
    sizes = wan21_sizes({key: torch.empty(shape, device="meta") for key, shape in listed.items()})
    ours = Wan21VAE(**sizes, device="meta").state_dict()
    assert {key: tuple(value.shape) for key, value in ours.items()} == listed


def test_model_space_undoes_itself() -> None:
    latents = torch.randn(1, 16, 2, 3, 3)
    assert torch.allclose(from_model_space(to_model_space(latents)), latents, atol=1e-6)
    assert to_model_space(torch.zeros(1, 16, 1, 1, 1)).std() > 0


def test_half_latents_and_odd_sides_are_refused(vae: Wan21VAE) -> None:
    pixels = pixels_of(vae, 2)
    with pytest.raises(ValueError, match="frames do not fill whole latents"):
        vae.encode(pixels[:, :, :-1])
    memory: dict[str, Tensor] = {}
    vae.encode(pixels, memory)
    with pytest.raises(ValueError, match="in a stream's later pieces"):
        vae.encode(pixels, memory)
    with pytest.raises(ValueError, match="is not a multiple of"):
        vae.encode(pixels[..., :-1])


def test_a_stream_begins_as_behind_zeros_which_nobody_multiplies(vae: Wan21VAE) -> None:
    """What a lone first step meets is what a convolution over zeros and that step gives."""
    layer = vae.decoder.conv1
    x = torch.randn(1, layer.in_channels, 2, 3, 3, generator=torch.Generator().manual_seed(5))
    for steps in (1, 2):
        padded = torch.nn.functional.pad(x[:, :, :steps], (0, 0, 0, 0, 3 - steps, 0))
        torch.testing.assert_close(convolved(layer, x[:, :, :steps]), layer(padded), rtol=1e-5, atol=1e-5)


def test_a_layer_that_can_only_be_called_gives_the_same_as_one_that_lends_its_weights(vae: Wan21VAE) -> None:
    class Called(torch.nn.Conv3d):
        pass

    class Lending(torch.nn.Conv3d):
        def lend(self, x: Tensor, compute: Callable) -> Tensor:
            return compute(self.weight, self.bias)

    plain = vae.decoder.conv1
    x = torch.randn(1, plain.in_channels, 1, 3, 3, generator=torch.Generator().manual_seed(6))
    for kind in (Called, Lending):
        layer = kind(plain.in_channels, plain.out_channels, 3, padding=(0, 1, 1))
        layer.load_state_dict(plain.state_dict())
        torch.testing.assert_close(convolved(layer, x), convolved(plain, x), rtol=1e-5, atol=1e-5)


def test_weights_laid_out_for_a_cpu_give_the_same_frames(vae: Wan21VAE) -> None:
    latents = latents_of(vae, 3)
    before = vae.decode(latents)
    laid = random_vae(RELEASED if vae.channels == 16 else SMALL).lay_out()
    torch.testing.assert_close(laid.decode(latents), before, rtol=1e-5, atol=1e-5)


def test_a_cpu_without_16_bits_convolves_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """oneDNN, called by name, refuses bfloat16 there."""
    own = torch.mkldnn_convolution

    def refusing(x: Tensor, *rest: Any) -> Tensor:
        if x.dtype != torch.float32:
            raise RuntimeError("bf16 path needs the cpu support")
        return own(x, *rest)

    layer, x = torch.nn.Conv3d(3, 4, 3, padding=(0, 1, 1)).bfloat16(), torch.randn(1, 3, 2, 6, 5).bfloat16()
    monkeypatch.setattr(convolving, "_has_16_bits", lambda dtype: False)
    monkeypatch.setattr(torch, "mkldnn_convolution", refusing)
    with torch.inference_mode():
        found = convolved(layer, x)
        expected = convolved(layer.float(), x.float())
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), expected, rtol=0.01, atol=0.01)
