"""Training of Tiny World's VAE: squared error through a latent with a little noise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..metrics.pictures import bicubic_copy, psnr, squared_error
from ..vae.tiny import FRAMES_PER_LATENT, TinyVAE, initialise
from .muon import Muon
from .player import load_vae
from .precision import mixed_precision
from .run import Run

NOISE = 0.08
"""Standard deviation added to the latents: it bounds what they carry and makes the decoder forgive small errors."""
SHRINK = 1e-4
CLIP_FRAMES, CLIP_BATCH = 33, 2
Films = tuple[Callable[..., Any], Callable[[int, int], Tensor]]
"""Of (frames, batch, seed, device) a supply whose `draw` returns clips; and of (count, frames) held-out clips."""


@torch.inference_mode()
def judge(vae: TinyVAE, clips: Tensor) -> dict[str, float]:
    """Mean PSNR over clips (N, 3, F, H, W) in -1..1, in fp32, and the same of an 8x bicubic down and up."""
    errors, plain = [], []
    for clip in clips.split(4):
        true, made = ((film.transpose(1, 2) + 1) / 2 for film in (clip, vae.decode(vae.encode(clip))))
        errors.append(squared_error(made, true))
        pictures = true.flatten(0, 1)
        plain.append(squared_error(bicubic_copy(pictures), pictures))
    frames = psnr(torch.cat(errors))
    return {
        "psnr": frames.mean().item(),
        "first": frames[:, 0].mean().item(),
        "bicubic": psnr(torch.cat(plain)).mean().item(),
    }


class ConvMuon(Muon):
    """Muon over convolutions, each seen as the matrix (outputs, inputs * places) that it is."""

    def __init__(self, kernels: list[Tensor], **settings: Any) -> None:
        self.kernels = kernels
        super().__init__([nn.Parameter(_matrix(kernel.data)) for kernel in kernels], **settings)

    def step(self, closure: None = None) -> None:
        """Update the kernels, whose memory the matrices share."""
        for matrix, kernel in zip(self.param_groups[0]["params"], self.kernels, strict=True):
            matrix.grad = None if kernel.grad is None else _matrix(kernel.grad)
        super().step(closure)


def _matrix(kernel: Tensor) -> Tensor:
    """View a channels-last kernel (O, I, y, x) as (O, y * x * I)."""
    return kernel.permute(0, 2, 3, 1).contiguous().flatten(1)


def optimizers_for(vae: TinyVAE, rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the convolutions' kernels, AdamW for everything else."""
    kernels = [p for p in vae.parameters() if p.ndim == 4 and p.requires_grad]
    for kernel in kernels:
        kernel.data = kernel.data.contiguous(memory_format=torch.channels_last)
    others = [p for p in vae.parameters() if p.ndim != 4 and p.requires_grad]
    muon = ConvMuon(kernels, lr=rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
    assert all(m.data_ptr() == k.data_ptr() for m, k in zip(muon.param_groups[0]["params"], kernels, strict=True))
    return [muon, torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.98), weight_decay=0.0)]


def load_run(folder: Path) -> TinyVAE:
    """Return the VAE of a run as it stands.

    Raises:
        ValueError: there is no such run.
    """
    if not (folder / "state.pt").exists():
        raise ValueError(f"--vae: {folder} holds no state.pt; name the folder of a VAE's run.")
    vae = TinyVAE()
    initialise(vae, 0)
    # a run of a shallower VAE is completed with blocks that do nothing yet
    vae.load_state_dict({**vae.state_dict(), **torch.load(folder / "state.pt", weights_only=True)["model"]})
    return vae.to(memory_format=torch.channels_last)


def train(
    folder: Path,
    minutes: float,
    rate: float,
    seed: int,
    films: Films,
    begin_with: Path | None = None,
    decoder_only: bool = False,
    device: torch.device | str = "cpu",
) -> Run:
    """Train, or go on training, the run in `folder` for `minutes` in all.

    Args:
        films: makes the clips to learn from and those to judge by.
        begin_with: run, or file, whose weights to begin with; `None`: fresh ones.
        decoder_only: leave the encoder as it is, so that a model trained on its latents stays valid.
        device: where to render and train.
    """
    vae = TinyVAE()
    initialise(vae, seed)
    vae.to(device, memory_format=torch.channels_last)
    if begin_with is not None:
        known = load_vae(begin_with)[0] if begin_with.is_file() else load_run(begin_with)
        vae.load_state_dict(known.state_dict())
    vae.encoder.requires_grad_(not decoder_only)
    run = Run(folder, minutes, vae, optimizers_for(vae, rate))
    supply, held_out = films
    clips = supply(CLIP_FRAMES, CLIP_BATCH, seed + run.step, device=device)
    return fit(run, vae, clips, held_out(16, CLIP_FRAMES).to(device), seed)


def fit(run: Run, vae: TinyVAE, clips: Any, fixed: Tensor, seed: int) -> Run:
    """Train until the run is done.

    Args:
        clips: supply whose `draw` returns clips.
        fixed: held-out clips to judge by.
        seed: of the noise.
    """
    torch.manual_seed(seed + run.step)
    while not run.done:
        run.schedule()
        pixels = clips.draw()
        with mixed_precision(pixels.device):
            latents = vae.encode(pixels)
            noisy = latents + NOISE * torch.randn_like(latents)
            decoded = vae.decoder(noisy.transpose(1, 2), None)[:, FRAMES_PER_LATENT - 1 :].transpose(1, 2)
        error = decoded.float() - pixels
        loss = error.square().mean() + 0.02 * error.abs().mean() + SHRINK * latents.float().square().mean()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        for optimizer in run.optimizers:
            optimizer.step()
        vae.zero_grad(set_to_none=True)
        figures = {
            "psnr": psnr(error.detach().square().mean() / 4),
            "latent": latents.detach().float().std(),
            "norm": norm,
        }
        run.advance({name: value.item() for name, value in figures.items()})
        if run.step % 500 == 0 or run.done:
            run.note({"held_out": judge(vae, fixed)})
    return run
