"""VAEs: ours behind the host's VAE nodes, and streams whose chunking changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import comfy.latent_formats
import comfy.ldm.wan.vae
import comfy.sd
import pytest
import torch
from torch import Tensor

import nodes as host_nodes
from worldmodel.vae.wan21 import from_model_space, to_model_space

CHUNKINGS = ([3, 3, 3], [1] * 9, [4, 4, 1], [2, 5, 2])
WAN = {"dim": 4, "z_dim": 16, "dim_mult": [1, 2, 4, 4], "num_res_blocks": 2, "temperal_downsample": [False, True, True]}


@pytest.fixture
def wan_weights() -> dict[str, Tensor]:
    """A random VAE in the layout of Wan 2.1, four numbers wide."""
    torch.manual_seed(1)
    model = comfy.ldm.wan.vae.WanVAE(**WAN)
    return {key: torch.randn_like(value) * value[0].numel() ** -0.5 for key, value in model.state_dict().items()}


@pytest.fixture
def wan(
    wan_weights: dict[str, Tensor], tmp_path: Path, place_file: Callable[..., str], run: Callable[..., Any]
) -> comfy.sd.VAE:
    """The Wan VAE, loaded by our node."""
    path = tmp_path / "wan_tiny.pth"
    torch.save(wan_weights, path)
    return run("WMLoadWorldVAE", place_file("vae", path))


@pytest.fixture
def hosts(wan_weights: dict[str, Tensor]) -> comfy.sd.VAE:
    """The Wan VAE, loaded by the host."""
    return comfy.sd.VAE(sd=wan_weights)


@pytest.fixture(params=["tiny", "wan", "hosts"])
def vae(request: pytest.FixtureRequest) -> comfy.sd.VAE:
    """Every kind."""
    made = request.getfixturevalue(request.param)
    return made.vae if request.param == "tiny" else made


@pytest.fixture
def decoder(of_pack: Callable[[str], ModuleType]) -> ModuleType:
    return of_pack("nodes.host.decoder")


def some_latents(count: int = 9) -> Tensor:
    return torch.randn(16, count, 2, 2, generator=torch.Generator().manual_seed(2))


def stream(decoder: ModuleType, vae: comfy.sd.VAE, latents: Tensor, chunks: list[int]) -> Tensor:
    decoding, pieces = decoder.StreamingDecoder(vae), latents.split(chunks, dim=1)
    return torch.cat([decoding.push(piece, last=i == len(pieces) - 1) for i, piece in enumerate(pieces)])


def test_chunking_a_stream_changes_nothing(decoder: ModuleType, vae: comfy.sd.VAE) -> None:
    latents = some_latents()
    whole = stream(decoder, vae, latents, [9])
    assert whole.shape == (33, 16, 16, 3)
    assert whole.std() > 0.01
    for chunks in CHUNKINGS:
        assert torch.equal(stream(decoder, vae, latents, chunks), whole), chunks


def test_tiny_world_is_decoded_in_16_bits_where_the_cpu_has_them_unless_it_is_asked_to_be_exact(
    decoder: ModuleType, tiny: SimpleNamespace, run: Callable[..., Any], of_pack: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    fast, latents, films = of_pack("worldmodel.vae.tiny_decoder"), some_latents(), []
    for has in (True, False):
        monkeypatch.setattr(fast, "has_bfloat16", lambda _, has=has: has)
        for decoding in ("auto", "exact"):
            vae = run("WMLoadWorldVAE", "Tiny World", decoding)
            assert vae.decoding.dtype == (torch.bfloat16 if has and decoding == "auto" else torch.float32)
            assert vae.vae_dtype == torch.float32  # of the encoder: worlds are known by the bits of their start
            films.append(stream(decoder, vae, latents, [9]))
            assert torch.equal(stream(decoder, vae, latents, [2, 5, 2]), films[-1])
    assert not torch.equal(films[0], films[1]) and (films[0] - films[1]).square().mean().sqrt() < 0.01
    assert torch.equal(films[1], films[2]) and torch.equal(films[1], films[3])
    monkeypatch.setattr(fast, "has_bfloat16", lambda _: True)
    monkeypatch.setattr(of_pack("nodes.host.vae").args, "fp32_vae", True)
    assert run("WMLoadWorldVAE", "Tiny World").decoding.dtype == torch.float32


def test_a_chunk_of_any_length_is_decoded_at_once_and_a_late_beginning_changes_nothing(
    decoder: ModuleType, tiny: SimpleNamespace, of_pack: Callable[[str], ModuleType]
) -> None:
    state, latents = of_pack("worldmodel.world.state"), some_latents(31)
    chunks = tuple(state.Chunk(piece, None) for piece in latents.split([7, 6, 6, 6, 6], dim=1))
    start = SimpleNamespace(variant="tiny_world_2_memory", form="corrected", image_condition=latents[:, :0])
    world = state.World(start, chunks)
    whole = torch.cat(list(decoder.decode_frames(tiny.vae, world, 0, 120)))
    behind = decoder.primed(tiny.vae, world._replace(chunks=()))
    films = [behind.push(chunk.latents) for chunk in chunks]
    assert [len(film) for film in films] == [25, 24, 24, 24, 24]
    assert torch.equal(torch.cat(films), whole)
    assert torch.equal(torch.cat(list(decoder.decode_frames(tiny.vae, world, 70, 110))), whole[70:111])


def test_a_stream_agrees_with_the_hosts_vae_decode(
    decoder: ModuleType, vae: comfy.sd.VAE, of_pack: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_pack("worldmodel.vae.tiny_decoder"), "has_bfloat16", lambda _: False)
    latents = some_latents()
    for_host = {"samples": decoder.kind_of(vae).latents.process_out(latents[None])}
    (frames,) = host_nodes.VAEDecode().decode(vae, for_host)
    assert (stream(decoder, vae, latents, [3, 3, 3]) - frames.reshape(33, 16, 16, 3)).abs().max() < 1e-5


def test_our_wan_vae_computes_what_the_hosts_does(wan: comfy.sd.VAE, hosts: comfy.sd.VAE, decoder: ModuleType) -> None:
    film = torch.rand(13, 32, 48, 3, generator=torch.Generator().manual_seed(3))
    latents = [host_nodes.VAEEncode().encode(vae, film)[0] for vae in (wan, hosts)]
    assert latents[0]["samples"].shape == (1, 16, 4, 4, 6)
    assert (latents[0]["samples"] - latents[1]["samples"]).abs().max() < 1e-5
    frames = [host_nodes.VAEDecode().decode(vae, latents[0])[0] for vae in (wan, hosts)]
    assert (frames[0] - frames[1]).abs().max() < 1e-5
    assert decoder.kind_of(wan)[:2] == decoder.kind_of(hosts)[:2]
    (short,) = host_nodes.VAEEncode().encode(wan, film[:12])  # frames that fill no whole latent are left out
    assert short["samples"].shape[2] == 3
    (tiled,) = host_nodes.VAEDecodeTiled().decode(wan, latents[0], 64, 16, 16, 4)
    assert tiled.shape == frames[0].shape


def test_model_space_is_the_hosts() -> None:
    latents = some_latents()[None]
    assert torch.allclose(to_model_space(latents), comfy.latent_formats.Wan21().process_in(latents), atol=1e-6)
    assert torch.allclose(from_model_space(latents), comfy.latent_formats.Wan21().process_out(latents), atol=1e-6)


def test_a_late_beginning_gives_the_same_frames(decoder: ModuleType, of_pack: Callable, vae: comfy.sd.VAE) -> None:
    state, latents = of_pack("worldmodel.world.state"), some_latents(45)
    chunks = tuple(state.Chunk(piece, None) for piece in latents.split(3, dim=1))
    world = state.World(
        SimpleNamespace(variant="tiny_world_2", form="corrected", image_condition=latents[:, :0]), chunks
    )
    whole = torch.cat(list(decoder.decode_frames(vae, world, 0, 176)))
    for first, last in ((0, 4), (171, 175)):
        part = torch.cat(list(decoder.decode_frames(vae, world, first, last)))
        assert torch.equal(part, whole[first : last + 1]), (first, last)
    behind = decoder.primed(vae, world._replace(chunks=chunks[:14]))
    assert torch.equal(behind.push(chunks[14].latents), whole[-12:])


def test_the_hosts_nodes_encode_and_decode_with_ours(tiny: SimpleNamespace) -> None:
    film = torch.rand(9, 64, 96, 3, generator=torch.Generator().manual_seed(3))
    (latent,) = host_nodes.VAEEncode().encode(tiny.vae, film)
    assert latent["samples"].shape == (1, 16, 3, 8, 12)
    model = tiny.vae.first_stage_model
    expected = model.encode(film.movedim(-1, 0)[None] * 2 - 1)
    assert torch.allclose(latent["samples"], expected, atol=1e-6)
    (frames,) = host_nodes.VAEDecode().decode(tiny.vae, latent)
    assert torch.allclose(frames, (model.decode(expected)[0].movedim(0, -1) + 1) / 2, atol=1e-6)
    (tiled,) = host_nodes.VAEDecodeTiled().decode(tiny.vae, latent, 64, 16, 16, 4)
    assert tiled.shape == frames.shape
    (short,) = host_nodes.VAEEncode().encode(tiny.vae, film[:8])  # frames that fill no whole latent are left out
    assert short["samples"].shape[2] == 2


def test_a_start_is_encoded_until_the_encoder_repeats_itself(
    vae: comfy.sd.VAE, of_pack: Callable[[str], ModuleType]
) -> None:
    vaes = of_pack("nodes.host.vae")
    kind = vaes.kind_of(vae)
    picture = torch.rand(16, 16, 3, generator=torch.Generator().manual_seed(4))
    grey = of_pack("worldmodel.models.matrix_game2.conditions").image_then_grey(picture, kind.settles)
    latents = vaes.encode_video(vae, grey)
    assert latents.shape == (16, kind.settles, 2, 2)
    longer = torch.full((1 + 4 * (kind.settles + 2), 16, 16, 3), 0.5)
    longer[0] = picture
    for_model = kind.latents.process_in(vae.encode(longer))[0]
    assert torch.allclose(for_model[:, : kind.settles], latents, atol=1e-5)
    assert torch.allclose(for_model[:, kind.settles :], latents[:, -1:].expand(-1, 3, -1, -1), atol=1e-5)


def test_the_vae_can_be_loaded_again_for_a_clone(wan: comfy.sd.VAE, tiny: SimpleNamespace) -> None:
    for vae in (wan, tiny.vae):
        load, args = vae.patcher.cached_patcher_init
        again = load(*args).model.state_dict()
        assert all(torch.equal(value, again[key]) for key, value in vae.first_stage_model.state_dict().items())


def test_latent_formats_undo_themselves(tiny: SimpleNamespace) -> None:
    latents = some_latents()[None]
    ours = tiny.vae.kind.latents
    assert torch.allclose(ours.process_in(ours.process_out(latents)), latents, atol=1e-6)
    assert ours.process_in(torch.zeros_like(latents)).std() > 0
