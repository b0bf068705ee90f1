"""The tiny VAE: causal, streaming, and plain about sizes it cannot take.

Shapes: B videos, F frames, T latents.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from worldmodel.tinyworld.player import TAIL
from worldmodel.vae.tiny import CausalBlock, Memory, TinyVAE, initialise

LATENTS, FRAMES = 7, 25
WHOLE = [LATENTS]
CUTS = [WHOLE, [1] * 7, [3, 3, 1], [1, 2, 4], [2, 5]]


@pytest.fixture(scope="module")
def vae() -> TinyVAE:
    """A VAE whose every branch acts: `initialise` would silence them."""
    torch.manual_seed(3)
    return TinyVAE((8, 16, 16), (16, 8, 8)).eval()


def video(batch: int = 2) -> Tensor:
    return torch.rand(batch, 3, FRAMES, 16, 24, generator=torch.Generator().manual_seed(1)) * 2 - 1


def codes(batch: int = 2) -> Tensor:
    return torch.randn(batch, 16, LATENTS, 2, 3, generator=torch.Generator().manual_seed(2))


def encode_in(vae: TinyVAE, pixels: Tensor, cut: list[int]) -> Tensor:
    """Encode a stream in pieces that give so many latents each."""
    memory: Memory = {}
    frames = [4 * latents - 3 * (index == 0) for index, latents in enumerate(cut)]
    return torch.cat([vae.encode(piece, memory) for piece in pixels.split(frames, 2)], 2)


def decode_in(vae: TinyVAE, latents: Tensor, cut: list[int]) -> Tensor:
    """Decode a stream in pieces of so many latents each."""
    memory: Memory = {}
    return torch.cat([vae.decode(piece, memory) for piece in latents.split(cut, 2)], 2)


@torch.no_grad()
def test_shapes_are_one_and_four_frames_to_a_latent(vae: TinyVAE) -> None:
    assert vae.encode(video()).shape == (2, 16, LATENTS, 2, 3)
    pixels = vae.decode(codes())
    assert pixels.shape == (2, 3, FRAMES, 16, 24) and pixels.abs().max() <= 1
    assert vae.encode(video()[:, :, :1]).shape[2] == 1 and vae.decode(codes()[:, :, :1]).shape[2] == 1


@pytest.mark.parametrize("cut", CUTS, ids=str)
@torch.no_grad()
def test_a_stream_gives_what_the_whole_gives(vae: TinyVAE, cut: list[int]) -> None:
    torch.testing.assert_close(encode_in(vae, video(), cut), vae.encode(video()), atol=1e-5, rtol=0)
    torch.testing.assert_close(decode_in(vae, codes(), cut), vae.decode(codes()), atol=1e-5, rtol=0)


@torch.no_grad()
def test_streams_that_interleave_stay_apart_bit_for_bit(vae: TinyVAE) -> None:
    pieces = [codes(1).split(1, 2), codes(1).flip(2).split(1, 2)]
    memories: list[Memory] = [{}, {}]
    films: list[list[Tensor]] = [[], []]
    for turn in range(LATENTS):
        for stream in range(2):
            films[stream].append(vae.decode(pieces[stream][turn], memories[stream]))
    for stream, latents in enumerate((codes(1), codes(1).flip(2))):
        assert torch.equal(torch.cat(films[stream], 2), decode_in(vae, latents, [1] * LATENTS))


@torch.no_grad()
def test_a_stream_forks_at_a_copy_of_its_memory_bit_for_bit(vae: TinyVAE) -> None:
    latents, memory = codes(), {}
    head = [vae.decode(piece, memory) for piece in latents[:, :, :3].split(1, 2)]
    copy = dict(memory)
    vae.decode(-latents[:, :, 3:4], memory)  # another future must not reach the copy
    tail = [vae.decode(piece, copy) for piece in latents[:, :, 3:].split(1, 2)]
    assert torch.equal(torch.cat(head + tail, 2), decode_in(vae, latents, [1] * LATENTS))
    pixels, memory = video(), {}
    first = vae.encode(pixels[:, :, :9], memory)
    copy = dict(memory)
    vae.encode(-pixels[:, :, 9:13], memory)
    rest = vae.encode(pixels[:, :, 9:], copy)
    assert torch.equal(torch.cat([first, rest], 2), encode_in(vae, pixels, [3, 4]))


@torch.no_grad()
def test_streaming_needs_its_memory(vae: TinyVAE) -> None:
    bare = vae.decode(codes()[:, :, 3:])
    assert (bare[:, :, 1:] - vae.decode(codes())[:, :, 13:]).abs().max() > 1e-3


@pytest.mark.parametrize("frame", [0, 1, 4, 5, 12, 24])
@torch.no_grad()
def test_a_frame_changes_no_latent_before_its_own(vae: TinyVAE, frame: int) -> None:
    changed = video()
    changed[:, :, frame] *= -1
    differs = (vae.encode(changed) != vae.encode(video())).amax((0, 1, 3, 4))
    own = (frame + 3) // 4
    assert not differs[:own].any() and bool(differs[own])
    assert not differs[own + TAIL :].any()


@pytest.mark.parametrize("latent", [0, 1, 3, 6])
@torch.no_grad()
def test_decoding_a_latent_depends_on_no_later_one(vae: TinyVAE, latent: int) -> None:
    changed = codes()
    changed[:, :, latent] *= -1
    differs = (vae.decode(changed) != vae.decode(codes())).amax((0, 1, 3, 4))
    own = max(0, 4 * latent - 3)
    assert not differs[:own].any() and bool(differs[own : 4 * latent + 1].all())


@torch.no_grad()
def test_a_picture_is_a_videos_first_latent(vae: TinyVAE) -> None:
    alone = vae.encode(video()[:, :, :1])
    torch.testing.assert_close(alone, vae.encode(video())[:, :, :1], atol=1e-5, rtol=0)
    torch.testing.assert_close(vae.decode(codes()[:, :, :1]), vae.decode(codes())[:, :, :1], atol=1e-5, rtol=0)


@torch.no_grad()
def test_a_batch_equals_its_members(vae: TinyVAE) -> None:
    torch.testing.assert_close(vae.encode(video()[1:]), vae.encode(video())[1:], atol=1e-5, rtol=0)
    torch.testing.assert_close(vae.decode(codes()[1:]), vae.decode(codes())[1:], atol=1e-5, rtol=0)


@torch.no_grad()
def test_latents_have_a_place() -> None:
    vae = TinyVAE((8, 8, 8), (8, 8, 8))
    initialise(vae, 1)  # blocks without a residual: what is left is the way through
    latents = codes(1)[:, :, :1].repeat(1, 1, 1, 6, 4)
    changed = latents.clone()
    changed[:, :, :, 2, 9] += 5
    differs = (vae.decode(changed) - vae.decode(latents)).abs().sum((0, 1, 2))
    row, column = divmod(int(torch.nn.functional.avg_pool2d(differs[None], 8).argmax()), 12)
    assert abs(row - 2) <= 1 and abs(column - 9) <= 1
    pixels = torch.rand(1, 3, 1, 96, 96)
    shifted = pixels.clone()
    shifted[..., 16:24, 72:80] += 5
    differs = (vae.encode(shifted) - vae.encode(pixels)).abs().sum((0, 1, 2))
    row, column = divmod(int(differs.argmax()), 12)
    assert abs(row - 2) <= 1 and abs(column - 9) <= 1


@pytest.mark.parametrize("frames", [2, 3, 4, 24])
def test_frames_that_do_not_fill_latents_are_refused(vae: TinyVAE, frames: int) -> None:
    with pytest.raises(ValueError, match=f"pixels: {frames} frames do not fill whole latents; give 1 \\+ 4n frames"):
        vae.encode(video()[:, :, :frames])


@torch.no_grad()
def test_later_pieces_of_a_stream_have_no_extra_frame(vae: TinyVAE) -> None:
    memory: Memory = {}
    vae.encode(video()[:, :, :1], memory)
    for frames in (1, 5):
        with pytest.raises(ValueError, match=f"pixels: {frames} frames do not fill whole latents.*later pieces 4n"):
            vae.encode(video()[:, :, :frames], memory)


@pytest.mark.parametrize(("height", "width"), [(15, 24), (16, 20), (65, 96)])
def test_an_odd_size_is_refused(vae: TinyVAE, height: int, width: int) -> None:
    with pytest.raises(ValueError, match=f"pixels: {height} x {width} is not a multiple of 8; crop or resize"):
        vae.encode(torch.zeros(1, 3, 1, height, width))


@torch.no_grad()
def test_fresh_weights_repeat_with_their_seed_and_begin_without_residuals() -> None:
    first, again, other = TinyVAE((8, 8, 8), (8, 8, 8)), TinyVAE((8, 8, 8), (8, 8, 8)), TinyVAE((8, 8, 8), (8, 8, 8))
    for vae, seed in ((first, 1), (again, 1), (other, 2)):
        initialise(vae, seed)
    same = [torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True)]
    assert all(same)
    assert not torch.equal(first.encoder.stem.weight, other.encoder.stem.weight)
    x = torch.randn(1, 3, 8, 4, 4)
    for block in first.modules():
        if isinstance(block, CausalBlock):
            assert torch.equal(block(x, None), x)


def test_block_names_are_keys_of_the_memory(vae: TinyVAE) -> None:
    names = [block.name for block in vae.modules() if isinstance(block, CausalBlock)]
    memory: Memory = {}
    with torch.no_grad():
        vae.decode(codes(), memory)
        vae.encode(video(), encoder := {})
    assert len(set(names)) == len(names) and set(memory) | set(encoder) == set(names)
    assert not set(memory) & set(encoder)
