"""The Wan 2.2 VAE: streams, manners, and files of all its kinds; its numbers are judged by conformance."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from worldmodel.checkpoints.vae_files import EXPECTED, recognise_vae, released_vae_names
from worldmodel.conformance import matrix_game3_vae
from worldmodel.conformance.__main__ import main
from worldmodel.vae.causal import STOCK, Manner
from worldmodel.vae.wan21 import Wan21VAE
from worldmodel.vae.wan22 import (
    MATRIX_GAME_3,
    Wan22VAE,
    averaged,
    from_model_space,
    manner_of,
    repeated,
    to_model_space,
    wan22_sizes,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "matrix_game3"
RELEASED: dict[str, Any] = {"encoder_width": 4, "decoder_width": 6}
SMALL: dict[str, Any] = {
    "encoder_width": 4, "decoder_width": 2, "channels": 6, "multipliers": (1, 2, 2), "blocks": 1,
    "temporal": (True, False),
}  # fmt: skip
DECODER: dict[str, Any] = {"encoder_width": None, "decoder_width": 3}
MANNERS = {"stock": STOCK, "matrix_game_3": MATRIX_GAME_3}


def random_vae(sizes: dict[str, Any]) -> Wan22VAE:
    torch.manual_seed(3)
    vae = Wan22VAE(**sizes)
    for parameter in vae.parameters():
        torch.nn.init.normal_(parameter, std=max(0.2, parameter[0].numel() ** -0.5))
    return vae.eval().requires_grad_(False)


@pytest.fixture(params=[RELEASED, SMALL], ids=["released", "small"], scope="module")
def vae(request: pytest.FixtureRequest) -> Wan22VAE:
    """The released topology a few numbers wide, and another one."""
    return random_vae(request.param)


@pytest.fixture(params=MANNERS)
def manner(request: pytest.FixtureRequest) -> Manner:
    """Each family's."""
    return MANNERS[request.param]


def latents_of(vae: Wan22VAE, count: int) -> Tensor:
    return torch.randn(1, vae.channels, count, 2, 2, generator=torch.Generator().manual_seed(1))


def pixels_of(vae: Wan22VAE, latents: int) -> Tensor:
    frames, side = 1 + vae.frames_per_latent * (latents - 1), 2 * vae.pixels_per_latent
    return torch.rand(1, 3, frames, side, side, generator=torch.Generator().manual_seed(2)) * 2 - 1


@pytest.mark.parametrize("chunks", [[3, 3, 3], [1] * 9, [1, 8], [4, 4, 1]])
def test_chunking_a_stream_changes_nothing(vae: Wan22VAE, manner: Manner, chunks: list[int]) -> None:
    latents = latents_of(vae, 9)
    whole = vae.decode(latents, manner=manner)
    assert whole.shape[2] == 1 + 8 * vae.frames_per_latent and whole.std() > 0.01
    memory: dict[str, Tensor] = {}
    pieces = [vae.decode(piece, memory, manner) for piece in latents.split(chunks, dim=2)]
    assert torch.equal(torch.cat(pieces, dim=2), whole)
    pixels, memory = pixels_of(vae, 9), {}
    sizes = [size * vae.frames_per_latent - (vae.frames_per_latent - 1) * (not i) for i, size in enumerate(chunks)]
    pieces = [vae.encode(piece, memory, manner) for piece in pixels.split(sizes, dim=2)]
    assert torch.equal(torch.cat(pieces, dim=2), vae.encode(pixels, manner=manner))


def test_a_stream_remembers_no_more_after_a_long_time(vae: Wan22VAE, manner: Manner) -> None:
    memory: dict[str, Tensor] = {}
    held = []
    for latent in latents_of(vae, 12).split(1, dim=2):
        vae.decode(latent, memory, manner)
        held.append(sum(tensor.untyped_storage().nbytes() for tensor in memory.values()))
    assert len(set(held[2:])) == 1


def test_a_stream_that_begins_late_enough_gives_the_same_frames(vae: Wan22VAE, manner: Manner) -> None:
    latents = latents_of(vae, vae.reach + 4)
    whole = vae.decode(latents, manner=manner)[:, :, -vae.frames_per_latent :]
    late = vae.decode(latents[:, :, 3:], manner=manner)[:, :, -vae.frames_per_latent :]
    assert torch.equal(late, whole)
    half = vae.decode(latents[:, :, -vae.reach // 2 :], manner=manner)[:, :, -vae.frames_per_latent :]
    assert not torch.equal(half, whole)


def test_an_image_and_grey_settle_where_the_network_says(vae: Wan22VAE) -> None:
    pixels = pixels_of(vae, vae.settles + 4)
    pixels[:, :, 1:] = 0
    settled = vae.encode(pixels)[:, :, vae.settles - 1 :]
    assert torch.equal(settled, settled[:, :, :1].expand_as(settled))


def test_families_decode_the_same_weights_differently(vae: Wan22VAE) -> None:
    latents = latents_of(vae, 4)
    ours = {name: vae.decode_unclamped(latents, manner=manner) for name, manner in MANNERS.items()}
    assert ours["stock"].shape == ours["matrix_game_3"].shape
    first = [frames[:, :, 0] for frames in ours.values()]
    assert (first[0] - first[1]).norm() > 0.05 * first[0].norm()
    assert manner_of("matrix_game_3") is MATRIX_GAME_3 and manner_of("yume") is STOCK


def test_only_the_beginning_of_a_matrix_game_3_stream_has_a_frame_less(vae: Wan22VAE) -> None:
    memory: dict[str, Tensor] = {}
    counts = [vae.decode(latent, memory, MATRIX_GAME_3).shape[2] for latent in latents_of(vae, 3).split(1, dim=2)]
    assert counts == [1, vae.frames_per_latent, vae.frames_per_latent]


def test_the_way_around_keeps_the_mean_and_repeats_what_it_is_given() -> None:
    x = torch.randn(2, 4, 4, 4, 6, generator=torch.Generator().manual_seed(4))
    means = averaged(x, 8, 2, 2)
    assert means.shape == (2, 8, 2, 2, 3)
    assert torch.allclose(means.mean(), x.mean(), atol=1e-6)
    assert torch.equal(averaged(x[:, :, :1], 4, 2, 1), averaged(torch.cat((0 * x[:, :, :1], x[:, :, :1]), 2), 4, 2, 1))
    spread = repeated(means, 4, 2, 2)
    assert spread.shape == x.shape and torch.equal(averaged(spread, 8, 2, 2), means)


def test_the_released_topology_looks_back_as_far_as_that_of_wan_21() -> None:
    ours, wan21 = Wan22VAE(**RELEASED, device="meta"), Wan21VAE(width=4, device="meta")
    assert (ours.settles, ours.reach) == (wan21.settles, wan21.reach) == (30, 39)
    assert (ours.frames_per_latent, ours.pixels_per_latent) == (4, 16)


@pytest.mark.parametrize("sizes", [RELEASED, SMALL, DECODER])
def test_sizes_are_read_from_the_weights(sizes: dict[str, Any]) -> None:
    wanted = shapes(Wan22VAE(**sizes, device="meta").state_dict())
    again = Wan22VAE(**wan22_sizes(Wan22VAE(**sizes, device="meta").state_dict()), device="meta")
    assert shapes(again.state_dict()) == wanted


def test_model_space_undoes_itself() -> None:
    latents = torch.randn(1, 48, 2, 3, 3)
    assert torch.allclose(from_model_space(to_model_space(latents)), latents, atol=1e-6)
    assert to_model_space(torch.zeros(1, 48, 1, 1, 1)).std() > 0


def test_half_latents_and_odd_sides_are_refused(vae: Wan22VAE) -> None:
    pixels = pixels_of(vae, 2)
    with pytest.raises(ValueError, match="frames do not fill whole latents"):
        vae.encode(pixels[:, :, :-1])
    with pytest.raises(ValueError, match="is not a multiple of"):
        vae.encode(pixels[..., :-1])
    with pytest.raises(ValueError, match="a VAE that only decodes"):
        Wan22VAE(**DECODER).encode(pixels)


# the authors' numbers


@pytest.mark.parametrize(
    "case", ["vae", "keys_vae_wan22", "keys_vae_mg_lightvae", "keys_vae_mg_lightvae_v2", "keys_t5"]
)
def test_our_numbers_are_the_authors(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(GOLDEN), "--only", case]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 passed, 0 failed"


def test_a_first_latent_that_is_not_doubled_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(matrix_game3_vae, "MATRIX_GAME_3", MATRIX_GAME_3._replace(doubles_first=False))
    assert main([str(GOLDEN), "--only", "vae"]) == 1
    verdicts = dict(re.findall(r"vae  (\S+) .*  (passed|failed)$", capsys.readouterr().out, re.MULTILINE))
    assert verdicts["out.full.stream_unclamped"] == verdicts["out.light.stream_unclamped"] == "failed"
    assert verdicts["out.encode"] == "passed"


# files


def shapes(tensors: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {key: tuple(tensor.shape) for key, tensor in tensors.items()}


def listed(name: str) -> dict[str, Tensor]:
    """Return the released tensors of a VAE on the meta device, under Wan's names."""
    keys = json.loads((GOLDEN / f"keys_vae_{name}.json").read_text(encoding="utf-8"))["keys"]
    return {key: torch.empty(shape, device="meta") for key, shape in keys.items()}


# what the release of MG-LightVAE calls its tensors, and Wan's names for them
LIGHT_NAMES = (
    (r"(encoder|decoder)\.conv1\.(\w+)", r"\1.conv_in.\2"),
    (r"(encoder|decoder)\.head\.0\.(\w+)", r"\1.norm_out.\2"),
    (r"(encoder|decoder)\.head\.2\.(\w+)", r"\1.conv_out.\2"),
    (r"conv1\.(\w+)", r"quant_conv.\1"),
    (r"conv2\.(\w+)", r"post_quant_conv.\1"),
    (r"(encoder|decoder)\.middle\.1\.", r"\1.mid_block.attentions.0."),
    (r"(encoder|decoder)\.middle\.0\.", r"\1.mid_block.resnets.0."),
    (r"(encoder|decoder)\.middle\.2\.", r"\1.mid_block.resnets.1."),
    (r"encoder\.downsamples\.(\d)\.downsamples\.2\.(resample|time_conv)", r"encoder.down_blocks.\1.downsampler.\2"),
    (r"decoder\.upsamples\.(\d)\.upsamples\.3\.(resample|time_conv)", r"decoder.up_blocks.\1.upsampler.\2"),
    (r"encoder\.downsamples\.(\d)\.downsamples\.(\d)\.", r"encoder.down_blocks.\1.resnets.\2."),
    (r"decoder\.upsamples\.(\d)\.upsamples\.(\d)\.", r"decoder.up_blocks.\1.resnets.\2."),
    (r"(.*)\.residual\.0\.", r"\1.norm1."),
    (r"(.*)\.residual\.2\.", r"\1.conv1."),
    (r"(.*)\.residual\.3\.", r"\1.norm2."),
    (r"(.*)\.residual\.6\.", r"\1.conv2."),
    (r"(.*resnets.*)\.shortcut\.", r"\1.conv_shortcut."),
)


def as_light(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a VAE under MG-LightVAE's names, with what its training left beside it."""
    named = {f"dynamic_feature_projection_heads.0.{part}": torch.zeros(1) for part in ("weight", "bias")}
    for key, value in tensors.items():
        for ours, theirs in LIGHT_NAMES:
            key = re.sub(rf"^{ours}", theirs, key)
        named[key] = value
    return named


@pytest.mark.parametrize(
    ("name", "title"),
    [("mg_lightvae", "MG-LightVAE"), ("mg_lightvae_v2", "MG-LightVAE v2"), ("wan22", "the Wan 2.2 VAE")],
)
def test_every_released_tensor_has_its_place_under_either_name(name: str, title: str) -> None:
    tensors = listed(name)
    light = as_light(tensors)
    assert len(light) == 198 and not any(".residual." in key or ".middle." in key for key in light)
    assert shapes(released_vae_names(light)) == shapes(tensors)
    found = recognise_vae(tensors)
    assert found.kind.title == title and found.kind.format.name == "wan22"
    for spelt in (light, tensors):
        file = recognise_vae(spelt)
        network = Wan22VAE(**file.sizes, device="meta")
        assert shapes(file.weights) == shapes(network.state_dict())
        assert file.kind.encodes == (spelt is tensors and name == "wan22")
    assert (found.sizes["encoder_width"] is None) == (not found.kind.encodes)


def test_a_pruned_decoder_is_for_matrix_game_3_and_needs_no_encoder() -> None:
    tensors = {key: value for key, value in listed("mg_lightvae").items() if not key.startswith(("encoder.", "conv1."))}
    file = recognise_vae(tensors)
    assert file.kind.only_for == "matrix_game_3" and not file.kind.encodes
    assert recognise_vae(listed("wan22")).kind.only_for == ""


def test_wan_21_is_told_apart() -> None:
    file = recognise_vae(Wan21VAE(width=4, device="meta").state_dict())
    assert (file.kind.title, file.kind.format.name) == ("the Wan 2.1 VAE", "wan21")


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "found no tensors"),
    "something": ({"a.weight": torch.zeros(1)}, "found something else (first key 'a.weight')"),
    "a picture's": (
        {"decoder.up_blocks.0.resnets.0.conv1.weight": torch.zeros(1)},
        "found a VAE under diffusers' names",
    ),
    "without a tensor": (
        {key: value for key, value in listed("wan22").items() if key != "decoder.conv1.bias"},
        "found 1 missing tensors (such as decoder.conv1.bias)",
    ),
    "with a foreign tensor": (listed("wan22") | {"extra": torch.zeros(1)}, "found 1 unknown tensors (such as extra)"),
    "without its middle": (
        {key: value for key, value in listed("wan22").items() if key != "decoder.head.0.gamma"},
        "found no tensor decoder.head.0.gamma",
    ),
    "of other lengths": (
        dict(Wan22VAE(**RELEASED, temporal=(True, True, True), device="meta").state_dict()),
        "found a VAE with 8 frames and 16 pixels to a latent",
    ),
    "of widths that do not go together": (
        dict(Wan22VAE(**RELEASED, device="meta").state_dict())
        | {"decoder.upsamples.0.upsamples.0.residual.6.weight": torch.zeros(96, 1)},
        "found tensors that no network of this kind has",
    ),
    "of other dimensions": (listed("wan22") | {"decoder.head.0.gamma": torch.zeros(())}, "tensors of other dimensions"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_another_file_is_named_in_one_sentence(kind: str) -> None:
    tensors, found = WRONG[kind]
    with pytest.raises(ValueError) as caught:
        recognise_vae(tensors, name="vae_name: a.pth")
    sentence = str(caught.value)
    assert sentence.startswith("vae_name: a.pth: found ") and found in sentence and EXPECTED in sentence
    assert sentence.endswith(".") and "\n" not in sentence


@pytest.mark.parametrize("sizes", [RELEASED, DECODER])
def test_odd_tensors_are_named_whatever_they_are(sizes: dict[str, Any]) -> None:
    weights = random_vae(sizes).state_dict()
    for key in sorted(weights)[::7]:
        tensor, flat = weights[key], weights[key].flatten()
        for odd in (flat[:1], flat[:0], flat[0], tensor[None], tensor.to(torch.int8), torch.empty(10**12, 0)):
            if odd.dtype == tensor.dtype and odd.shape == tensor.shape:
                continue
            with pytest.raises(ValueError, match=r"^a: found [^\n]*, expected [^\n]*\.$"):
                recognise_vae({**weights, key: odd}, name="a")
