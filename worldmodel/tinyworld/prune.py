"""The decoder with fewer channels, in miniature of Matrix-Game 3.0's MG-LightVAE: what 50 and 75 % of them cost.

Of every width the channels that carry most are kept, as many in each normalisation group, and the decoder learns on for
the same short time, pruned or not. The encoder stays as it is, so latents are the same.

Shapes: N clips of F frames, H x W pixels.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..metrics.pictures import psnr, squared_error, ssim
from ..vae.tiny import CausalBlock, Decoder, TinyVAE
from .evaluate.speed import median_seconds
from .run import Run
from .train_vae import CLIP_BATCH, CLIP_FRAMES, fit, optimizers_for

log = logging.getLogger(__name__)
SHARES = (0.0, 0.5, 0.75)
"""Of the channels that are left out."""
GROUPS = 8
"""Of every normalisation: a width is a multiple of it."""
RATE, LATENTS_TIMED = 1e-3, 15


class Figures(NamedTuple):
    """A row of the table: share left out, widths, parameters, PSNR in dB, SSIM, and milliseconds a decoded frame."""

    share: float
    widths: tuple[int, int, int]
    parameters: int
    psnr: float
    ssim: float
    milliseconds: float


def prune_decoder(vae: TinyVAE, share: float) -> TinyVAE:
    """Return a VAE of the same encoder whose decoder lacks a share of its channels, those that carry least.

    Widths are rounded up to whole channels a group: of 48, 80 and 160, three quarters less are 16, 24 and 40.
    """
    old = vae.decoder
    streams = {
        "fine": (old.fine, _writes(old.split2, len(old.norm.weight), 2), _reads(old.out)),
        "middle": (old.middle, _writes(old.split1, len(old.middle[0].norm1.weight), 2, 4), _reads(old.split2)),
        "coarse": (old.coarse, _writes(old.stem, len(old.coarse[0].norm1.weight)), _reads(old.split1)),
    }
    kept = {}
    for name, (blocks, written, read) in streams.items():
        inner = sum(_writes(block.conv2, len(written)) + _reads(block.conv1, 2) for block in blocks)
        kept[name] = _most(written + read + inner, share)
    encoder = vae.encoder
    widths = (encoder.stem.out_channels, encoder.merge1.out_channels, encoder.merge2.out_channels)
    made = TinyVAE(widths, tuple(len(kept[name]) for name in streams))
    made.encoder.load_state_dict(encoder.state_dict())
    made.decoder.load_state_dict(_cut(old, kept, share))
    return made.to(memory_format=torch.channels_last)


def _cut(old: Decoder, kept: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """Return the weights of a decoder that has the kept channels alone."""
    fine, middle, coarse = (kept[name] for name in ("fine", "middle", "coarse"))
    middles, fines = len(old.middle[0].norm1.weight), len(old.norm.weight)
    # the order in which pixels are unfolded: half of the time, channel, place
    first = torch.cat([4 * (half * middles + middle)[:, None] + torch.arange(4) for half in (0, 1)])
    second = torch.cat([half * fines + fine for half in (0, 1)])
    weights = {
        **_conv("stem", old.stem, coarse, slice(None)),
        **_conv("split1", old.split1, first.flatten(), coarse),
        **_conv("split2", old.split2, second, middle),
        **_conv("out", old.out, slice(None), fine),
        **_norm("norm", old.norm, fine),
    }
    for name, blocks in (("coarse", old.coarse), ("middle", old.middle), ("fine", old.fine)):
        for index, block in enumerate(blocks):
            weights |= _cut_block(f"{name}.{index}", block, kept[name], share)
    return {name: value.clone() for name, value in weights.items()}


def _cut_block(name: str, block: CausalBlock, stream: Tensor, share: float) -> dict[str, Tensor]:
    channels = len(block.norm1.weight)
    inner = _most(_writes(block.conv1, channels) * _reads(block.conv2), share)
    both = torch.cat([stream, channels + stream])  # this time step's channels, and the one before's
    return {
        **_norm(f"{name}.norm1", block.norm1, stream),
        **_conv(f"{name}.conv1", block.conv1, inner, both),
        **_norm(f"{name}.norm2", block.norm2, inner),
        **_conv(f"{name}.conv2", block.conv2, stream, inner),
    }


def _conv(name: str, conv: nn.Conv2d, outputs: Tensor | slice, inputs: Tensor | slice) -> dict[str, Tensor]:
    weight = conv.weight.detach()
    return {f"{name}.weight": weight[outputs][:, inputs], f"{name}.bias": conv.bias.detach()[outputs]}


def _norm(name: str, norm: nn.GroupNorm, channels: Tensor) -> dict[str, Tensor]:
    return {f"{name}.{part}": getattr(norm, part).detach()[channels] for part in ("weight", "bias")}


def _writes(conv: nn.Conv2d, channels: int, times: int = 1, places: int = 1) -> Tensor:
    """Return how much is written to each channel; the convolution's outputs are (times, channels, places)."""
    power = conv.weight.detach().square().sum((1, 2, 3))
    return power.view(times, channels, places).mean((0, 2)).sqrt()


def _reads(conv: nn.Conv2d, times: int = 1) -> Tensor:
    """Return how much is read from each channel; the convolution's inputs are (times, channels)."""
    power = conv.weight.detach().square().sum((0, 2, 3))
    return power.view(times, -1).mean(0).sqrt()


def _most(carried: Tensor, share: float) -> Tensor:
    """Return the numbers of the channels that carry most, rising, as many of each group."""
    groups = carried.view(GROUPS, -1)
    size = groups.shape[1]
    count = max(1, -int(-(1 - share) * size // 1))
    best = groups.topk(count, 1).indices + size * torch.arange(GROUPS)[:, None]
    return best.flatten().sort().values


def compare(vae: TinyVAE, folder: Path, minutes: float, clips: Tensor, supply: type, seed: int = 0) -> list[Figures]:
    """Prune a decoder by each of SHARES, let each learn on for as long, and measure them.

    Args:
        vae: whose decoder is pruned.
        folder: of the three runs, which resume.
        minutes: that each learns, of a core.
        clips: held-out (N, 3, F, H, W) in -1..1.
        supply: makes the clips to learn from, of (frames, batch, seed).
    """
    rows = []
    for share in SHARES:
        made = prune_decoder(vae, share)
        made.encoder.requires_grad_(False)
        run = Run(folder / f"without_{100 * share:.0f}", minutes, made, optimizers_for(made, RATE))
        fit(run, made, supply(CLIP_FRAMES, CLIP_BATCH, seed + run.step), clips, seed)
        rows.append(measure(made.eval(), share, clips))
        log.info("%s", line_of(rows[-1]))
    return rows


@torch.inference_mode()
def measure(vae: TinyVAE, share: float, clips: Tensor) -> Figures:
    """Measure what a VAE keeps of clips (N, 3, F, H, W) in -1..1, and how long a frame takes, latent by latent."""
    kept, alike = [], []
    for clip in clips.split(4):
        true, made = ((film.transpose(1, 2) + 1) / 2 for film in (clip, vae.decode(vae.encode(clip))))
        kept.append(psnr(squared_error(made, true)))
        alike.append(ssim(made.flatten(0, 1), true.flatten(0, 1)))
    latents = torch.randn(1, 16, LATENTS_TIMED, clips.shape[-2] // 8, clips.shape[-1] // 8)

    def decode() -> None:
        memory: dict[str, Tensor] = {}
        for piece in latents.split(1, 2):
            vae.decode(piece, memory)

    frames = 4 * LATENTS_TIMED - 3
    decoder = vae.decoder
    widths = (len(decoder.norm.weight), len(decoder.middle[0].norm1.weight), len(decoder.coarse[0].norm1.weight))
    return Figures(
        share,
        widths,
        sum(part.numel() for part in decoder.parameters()),
        float(torch.cat(kept).mean()),
        float(torch.cat(alike).mean()),
        1000 * median_seconds(decode, 3) / frames,
    )


def line_of(row: Figures) -> str:
    """Return a row of the table as text."""
    widths = ", ".join(map(str, row.widths))
    return (
        f"{row.share:4.0%} left out  widths {widths:12s} {row.parameters / 1e6:5.2f} M  {row.psnr:5.2f} dB  "
        f"SSIM {row.ssim:.3f}  {row.milliseconds:5.2f} ms a frame"
    )
