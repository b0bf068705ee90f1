"""The Wan 2.2 VAE and MG-LightVAE: through Load World VAE, the host's own VAE nodes, and streams in either manner."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import comfy.latent_formats
import comfy.ldm.wan.vae2_2
import comfy.sd
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

import nodes as host_nodes
from worldmodel.vae.wan22 import from_model_space, to_model_space

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "matrix_game3" / "vae.safetensors"
WAN = {
    "dim": 4, "dec_dim": 6, "z_dim": 48, "dim_mult": [1, 2, 4, 4], "num_res_blocks": 2,
    "temperal_downsample": [False, True, True],
}  # fmt: skip
CHUNKINGS = ([3, 3, 3], [1] * 9, [4, 4, 1], [2, 5, 2])
FAR = 1e-5


Decode = Callable[..., Tensor]


@pytest.fixture(scope="module")
def golden() -> dict[str, Tensor]:
    """The authors' tensors, in float32."""
    return {key: value.float() if value.is_floating_point() else value for key, value in load_file(GOLDEN).items()}


def under(golden: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in golden.items() if key.startswith(prefix)}


@pytest.fixture
def load(tmp_path: Path, place_file: Callable[..., str], run: Callable[..., Any]) -> Callable[..., comfy.sd.VAE]:
    """`load("a.pth", what)`: put what into a file of the host's vae folder and load it with our node."""

    def through_the_node(name: str, what: Any) -> comfy.sd.VAE:
        path = tmp_path / name
        save_file(what, path) if path.suffix == ".safetensors" else torch.save(what, path)
        return run("WMLoadWorldVAE", place_file("vae", path))

    return through_the_node


@pytest.fixture
def full(load: Callable[..., comfy.sd.VAE], golden: dict[str, Tensor]) -> comfy.sd.VAE:
    """The authors' small Wan 2.2 VAE, as the released file has it."""
    return load("Wan2.2_VAE.pth", under(golden, "full.sd."))


@pytest.fixture
def light(load: Callable[..., comfy.sd.VAE], golden: dict[str, Tensor]) -> comfy.sd.VAE:
    """Their small pruned decoder, wrapped as the released file wraps it, with what its training left."""
    weights = {_light(key): value for key, value in under(golden, "light.sd.").items()}
    heads = {f"dynamic_feature_projection_heads.0.{part}": torch.ones(1) for part in ("weight", "bias")}
    return load("MG-LightVAE.pth", {"state_dict": {"gen_model": weights | heads}, "global_step": 7})


LIGHT_NAMES = (
    ("decoder.conv1.", "decoder.conv_in."),
    ("decoder.head.0.", "decoder.norm_out."),
    ("decoder.head.2.", "decoder.conv_out."),
    ("conv2.", "post_quant_conv."),
    ("decoder.middle.1.", "decoder.mid_block.attentions.0."),
    ("decoder.middle.0.", "decoder.mid_block.resnets.0."),
    ("decoder.middle.2.", "decoder.mid_block.resnets.1."),
)
IN_A_BLOCK = (("residual.0", "norm1"), ("residual.2", "conv1"), ("residual.3", "norm2"), ("residual.6", "conv2"))


def _light(key: str) -> str:
    for ours, theirs in LIGHT_NAMES:
        key = theirs + key.removeprefix(ours) if key.startswith(ours) else key
    key = re.sub(r"upsamples\.(\d)\.upsamples\.3\.", r"up_blocks.\1.upsampler.", key)
    key = re.sub(r"upsamples\.(\d)\.upsamples\.(\d)\.", r"up_blocks.\1.resnets.\2.", key)
    for ours, theirs in IN_A_BLOCK:
        key = key.replace(f".{ours}.", f".{theirs}.")
    return key.replace(".shortcut.", ".conv_shortcut.")


@pytest.fixture
def decoder(of_pack: Callable[[str], ModuleType]) -> ModuleType:
    return of_pack("nodes.host.decoder")


@pytest.fixture
def matrix_game_3(of_pack: Callable[[str], ModuleType]) -> Any:
    return of_pack("worldmodel.vae.wan22").MATRIX_GAME_3


def pixels(frames: Tensor) -> Tensor:
    """Return the host's pictures (F, H, W, 3) in 0..1 as the authors have them, (1, 3, F, H, W) in -1..1."""
    return frames.movedim(-1, 0)[None] * 2 - 1


def error(found: Tensor, exact: Tensor) -> float:
    return ((found - exact).norm() / exact.norm()).item()


def streamed(decoder: ModuleType, vae: comfy.sd.VAE, latents: Tensor, chunks: list[int], *manner: Any) -> Tensor:
    decoding, pieces = decoder.StreamingDecoder(vae, 0, *manner), latents.split(chunks, dim=1)
    return torch.cat([decoding.push(piece, last=i == len(pieces) - 1) for i, piece in enumerate(pieces)])


@pytest.mark.parametrize("name", ["full", "light"])
def test_worlds_of_matrix_game_3_are_decoded_as_its_authors_do(
    name: str, request: pytest.FixtureRequest, decoder: ModuleType, golden: dict[str, Tensor], matrix_game_3: Any
) -> None:
    vae = request.getfixturevalue(name)
    frames = streamed(decoder, vae, golden["in.z"][0], golden["in.chunks"].tolist(), matrix_game_3)
    assert frames.shape == (37, 32, 48, 3)
    assert error(pixels(frames[golden["out.frames"]]), golden[f"out.{name}.stream_unclamped"].clamp(-1, 1)) < 1e-4


@pytest.mark.parametrize("name", ["full", "light"])
def test_chunking_a_stream_changes_nothing(
    name: str, request: pytest.FixtureRequest, decoder: ModuleType, golden: dict[str, Tensor], matrix_game_3: Any
) -> None:
    vae, latents = request.getfixturevalue(name), golden["in.z"][0, :, :9]
    found = []
    for manner in ((), (matrix_game_3,)):
        whole = streamed(decoder, vae, latents, [9], *manner)
        for chunks in CHUNKINGS:
            assert torch.equal(streamed(decoder, vae, latents, chunks, *manner), whole), chunks
        found.append(whole)
    assert not torch.allclose(*found, atol=1e-3)


def test_a_world_is_decoded_in_its_familys_manner(
    full: comfy.sd.VAE, decoder: ModuleType, of_pack: Callable, golden: dict[str, Tensor],
    matrix_game_3: Any, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    state, latents = of_pack("worldmodel.world.state"), golden["in.z"][0, :, :9]
    chunks = tuple(state.Chunk(piece, None) for piece in latents.split(3, dim=1))
    world = state.World(
        SimpleNamespace(variant="tiny_world_2", form="corrected", image_condition=latents[:, :0]), chunks
    )
    family = of_pack("worldmodel.variants").VARIANTS["tiny_world_2"].family
    families = of_pack("worldmodel.families").FAMILIES
    for manner in (None, matrix_game_3):
        if manner:
            monkeypatch.setitem(families, family, families[family]._replace(manner=manner))
        whole = streamed(decoder, full, latents, [9], *([manner] if manner else []))
        assert torch.equal(torch.cat(list(decoder.decode_frames(full, world, 0, 32))), whole)
        assert torch.equal(torch.cat(list(decoder.decode_frames(full, world, 7, 20))), whole[7:21])


def test_the_hosts_nodes_encode_and_decode_as_wans_authors_do(
    full: comfy.sd.VAE, golden: dict[str, Tensor], decoder: ModuleType
) -> None:
    hosts = comfy.ldm.wan.vae2_2.WanVAE(**WAN)
    hosts.load_state_dict(under(golden, "full.sd."))
    film = torch.rand(13, 64, 48, 3, generator=torch.Generator().manual_seed(3))
    (latent,) = host_nodes.VAEEncode().encode(full, film)
    assert latent["samples"].shape == (1, 48, 4, 4, 3)
    assert error(latent["samples"], hosts.encode(pixels(film))) < 1e-5
    (frames,) = host_nodes.VAEDecode().decode(full, latent)
    assert error(pixels(frames), hosts.decode(latent["samples"]).clamp(-1, 1)) < 1e-5
    (short,) = host_nodes.VAEEncode().encode(full, film[:12])  # frames that fill no whole latent are left out
    assert short["samples"].shape[2] == 3
    (tiled,) = host_nodes.VAEDecodeTiled().decode(full, latent, 64, 16, 16, 4)
    assert tiled.shape == frames.shape
    for_us = full.kind.latents.process_in(latent["samples"])[0]
    assert torch.allclose(streamed(decoder, full, for_us, [4]), frames, atol=FAR)


def test_frames_are_encoded_in_a_familys_manner(
    full: comfy.sd.VAE, golden: dict[str, Tensor], of_pack: Callable, matrix_game_3: Any
) -> None:
    vaes = of_pack("nodes.host.vae")
    for name in ("image", "video9"):
        frames = (golden[f"in.{name}"].movedim(0, -1) + 1) / 2
        latents = vaes.encode_frames(full, frames, matrix_game_3)
        assert error(latents, golden[f"out.encode_{name}"]) < 1e-5
    with pytest.raises(ValueError, match="frames do not fill whole latents"):
        vaes.encode_frames(full, frames[:8], matrix_game_3)


def test_a_pruned_decoder_decodes_and_is_refused_by_name_where_frames_are_encoded(
    light: comfy.sd.VAE, golden: dict[str, Tensor], of_pack: Callable, matrix_game_3: Any
) -> None:
    vaes, film = of_pack("nodes.host.vae"), torch.rand(1, 32, 48, 3)
    (frames,) = host_nodes.VAEDecode().decode(light, {"samples": from_model_space(golden["in.z"])})
    assert error(pixels(frames[golden["out.frames"]]), golden["out.light.stream_unclamped"].clamp(-1, 1)) < 1e-4
    for encode in (
        lambda: host_nodes.VAEEncode().encode(light, film),
        lambda: host_nodes.VAEEncodeTiled().encode(light, film, 512, 64),
        lambda: vaes.encode_frames(light, film, matrix_game_3),
        lambda: vaes.encode_video(light, film),
    ):
        with pytest.raises(ValueError, match="vae: found MG-LightVAE, which only decodes, expected the Wan 2.2 VAE"):
            encode()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_converted_file_is_the_same_vae(suffix: str, load: Callable, golden: dict[str, Tensor]) -> None:
    for prefix, encodes in (("full.sd.", True), ("light.sd.", False)):
        vae = load(f"{prefix}{suffix}", under(golden, prefix))
        assert vae.kind.encodes == encodes and vae.kind.format.name == "wan22"
        assert (vae.kind.format.channels, vae.kind.format.pixels, vae.kind.format.frames) == (48, 16, 4)


def test_a_vae_of_another_family_is_refused_in_one_sentence(
    full: comfy.sd.VAE, light: comfy.sd.VAE, tiny: SimpleNamespace, run: Callable, of_pack: Callable
) -> None:
    with pytest.raises(
        ValueError, match="vae: found the Wan 2.2 VAE with latents of format wan22, expected tiny_world"
    ):
        run("WMStartWorld", tiny.model, full, tiny.image)
    world, _ = run("WMRolloutWorld", tiny.model, tiny.world, tiny.track, 0)
    with pytest.raises(ValueError, match="vae: found MG-LightVAE with latents of format wan22, expected tiny_world"):
        run("WMDecodeWorld", world, light)
    kind_for, yume = of_pack("nodes.host.vae").kind_for, of_pack("worldmodel.variants").VARIANTS["tiny_world_2"]
    yume = replace(yume, title="Yume", family="yume")
    assert kind_for(full, yume, "wan22").title == "the Wan 2.2 VAE"
    with pytest.raises(
        ValueError, match="found MG-LightVAE, which was trained for Matrix-Game 3 alone, expected .* Yume"
    ):
        kind_for(light, yume, "wan22")
    assert kind_for(light, replace(yume, family="matrix_game_3"), "wan22").only_for == "matrix_game_3"


def test_the_hosts_own_wan_22_vae_is_sent_to_our_loader(of_pack: Callable) -> None:
    hosts = SimpleNamespace(first_stage_model=comfy.ldm.wan.vae2_2.WanVAE(**WAN), latent_channels=48)
    with pytest.raises(ValueError, match="the Wan 2.2 VAE of the host's own loader.*load the same file there"):
        of_pack("nodes.host.vae").kind_of(hosts)


def test_model_space_is_the_hosts() -> None:
    latents = torch.randn(1, 48, 2, 2, 3)
    theirs = comfy.latent_formats.Wan22()
    assert torch.allclose(to_model_space(latents), theirs.process_in(latents), atol=1e-6)
    assert torch.allclose(from_model_space(latents), theirs.process_out(latents), atol=1e-6)


def test_the_vae_can_be_loaded_again_for_a_clone(full: comfy.sd.VAE, light: comfy.sd.VAE) -> None:
    for vae in (full, light):
        load, args = vae.patcher.cached_patcher_init
        again = load(*args).model.state_dict()
        assert all(torch.equal(value, again[key]) for key, value in vae.first_stage_model.state_dict().items())
