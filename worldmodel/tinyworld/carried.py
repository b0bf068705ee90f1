"""What the world would show if the last generated frame were true: targets for a model's own rollouts.

Far from the start the truth says nothing about a rollout: the film has become another world, and an error against the
truth asks for an average. But the world's geometry still says how the film must go on. The last frame of a generated
chunk is carried along the walk by the true depth, and the next chunk shall show it so, wherever that frame showed the
surface; elsewhere the truth stands in, at little weight. So a model learns to walk through its own films, whatever
they look like. (Labels for the states that a policy itself comes to: DAgger, arXiv:1011.0686.)

Shapes: B walks, T = 3 * CHUNKS latents, h x w latent grid, F frames of H x W pixels.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from einops import rearrange, reduce
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import grid_sample

from ..storage.tensors import save_tensors
from . import pilot
from .export import open_player
from .player import Player
from .scene import engine
from .visibility import traced

log = logging.getLogger(__name__)
CHUNKS = 5
"""Chunks of a rollout; all but the first get a target."""
FARTHER, WIDER = (1.05, 1.3, 1.4, 1.5), 1.05
"""Of the way, and of the turn, that it is told: what each chunk after the first is taught, about as much more as the
model had fallen short. In its own films it is not sure how far things are, and an average of ways is a short one."""


Walkers = Callable[[np.random.Generator, int, int], tuple[engine.Places, pilot.Walks]]
"""Of a generator, a count and frames: some places of the training split, and as many walks through them."""


def carry(last: Tensor, view: engine.View, places: Tensor, yaws: Tensor, focal: float) -> tuple[Tensor, Tensor]:
    """Carry a frame along a walk.

    Args:
        last: (B, 3, H, W) in 0..1, as seen from the first pose.
        view: true pixels (B, F, H, W, 3) and depth (B, F, H, W) of the walk.
        places: (B, F, 2) metres.
        yaws: (B, F) radians.
        focal: focal length as a share of the picture's width.

    Returns:
        (B, F - 1, 3, H, W) frames from the second pose on, and (B, F - 1, H, W) bool where `last` shows them; elsewhere
        they are the truth.
    """
    grid, seen = traced(view.depth, places, yaws, focal)
    carried = grid_sample(last, grid.flatten(1, 2), mode="bicubic", padding_mode="border", align_corners=False)
    carried = rearrange(carried, "b c (f h) w -> b f c h w", f=grid.shape[1])
    frames = torch.where(seen[:, :, None], carried.clamp(0, 1), view.pixels.movedim(-1, 2))
    return frames[:, 1:], seen[:, 1:]


@torch.inference_mode()
def own_walks(player: Player, worlds: engine.Places, walks: pilot.Walks, seed: int) -> dict[str, Tensor]:
    """Let the model walk, and say how each chunk should have gone on from the one before.

    Returns:
        made (B, 16, T, h, w), wanted (B, 16, T - 3, h, w), first (B, 16, 1 + TAIL, h, w), all normalised; known
        (B, T - 3, h, w), the share of pixels that the chunk before showed; keys (B, F, 4) and turns (B, F).
    """
    image = player.see(pilot.film(worlds, walks, player.variant.picture, slice(0, 1))[:, 0].movedim(-1, 1), CHUNKS)
    made, wanted, known = [], [], []
    seeing: dict[str, Tensor] = {}
    showing: dict[str, Tensor] = {}
    begin = 0
    for latents in player.roll_latents(image, walks.actions, CHUNKS, seed):
        made.append(latents)
        frames = player.show(latents, showing)
        player.vae.encode(frames * 2 - 1, seeing)
        begin += frames.shape[2]
        if len(made) < CHUNKS:
            span = slice(begin - 1, begin + 4 * player.variant.chunking.later)
            part = _farther(worlds, walks, span, FARTHER[len(made) - 1])
            view = pilot.views(worlds, part, player.variant.picture)
            following, seen = carry(frames[:, :, -1].clamp(0, 1), view, part.places, part.yaws, worlds.focal)
            wanted.append(player.vae.encode(following.transpose(1, 2) * 2 - 1, dict(seeing)))
            known.append(reduce(seen.float(), "b (t four) (h p) (w q) -> b t h w", "mean", four=4, p=8, q=8))
    keys, turns = walks.actions
    return {
        "made": torch.cat(made, 2),
        "wanted": (torch.cat(wanted, 2) - player.mean) / player.std,
        "known": torch.cat(known, 1),
        "first": image,
        "keys": torch.cat([keys, keys[:, -1:] * 0], 1),
        "turns": torch.cat([turns, turns[:, -1:] * 0], 1).float(),
    }


def _farther(worlds: engine.Places, walks: pilot.Walks, span: slice, share: float) -> pilot.Walks:
    """Return a span of walks that go so much farther than told as `share` says, where no wall is in the way, and turn
    WIDER."""
    told, yaws = walks.places[:, span], walks.yaws[:, span]
    far = told[:, :1] + share * (told - told[:, :1])
    which = walks.which[:, None].expand(far.shape[:2])
    free = worlds.fits(which.flatten(), far.flatten(0, 1)).unflatten(0, far.shape[:2]).all(1)
    places = torch.where(free[:, None, None], far, told)
    return walks._replace(places=places, yaws=yaws[:, :1] + WIDER * (yaws - yaws[:, :1]))


def write_own(
    model: Path,
    folder: Path,
    seed: int,
    minutes: float,
    walkers: Walkers,
    count: int = 32,
    vae: Path | None = None,
) -> None:
    """Write what the run or file `model` walks, and should have walked, for `minutes`; a run's newest state is taken up
    with every file.

    Args:
        walkers: draws who walks where.
        vae: run or file; `None`: the shipped one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    number = len(list(folder.glob(f"{seed:03d}_*.safetensors")))
    until = time.monotonic() + 60 * minutes
    while time.monotonic() < until:
        player = open_player(model, vae)
        random = np.random.default_rng([37, seed, number])
        worlds, walks = walkers(random, count, player.variant.chunking.first_frame(CHUNKS))
        shard = own_walks(player, worlds, walks, int(random.integers(2**31)))
        path = folder / f"{seed:03d}_{number:05d}.safetensors"
        halves = {name: value.half().contiguous() for name, value in shard.items()}
        save_tensors(path, halves)
        number += 1
        log.info("%d files", number)


class OwnWalks:
    """The newest files of a folder, looked for anew at times, kept on the device that trains."""

    def __init__(self, folder: Path, device: torch.device | str = "cpu", newest: int = 60) -> None:
        self.folder, self.device, self.newest = folder, torch.device(device), newest
        self.shards: dict[str, dict[str, Tensor]] = {}

    def refresh(self) -> None:
        """Read the files that are new, and forget the oldest.

        Raises:
            ValueError: there is none at all.
        """
        for path in sorted(self.folder.glob("*.safetensors"), key=lambda path: path.stat().st_mtime):
            if path.name not in self.shards:
                self.shards[path.name] = {name: value.to(self.device) for name, value in load_file(path).items()}
        for name in list(self.shards)[: -self.newest]:
            self.shards[name] = {}
        if not self.shards:
            raise ValueError(f"--own: found no walks in {self.folder}; run `carry` on it first.")

    def draw(self, random: np.random.Generator, batch: int) -> dict[str, Tensor]:
        """Draw walks at random, float32."""
        shards = [shard for shard in self.shards.values() if shard]
        picks = [shards[index] for index in random.integers(len(shards), size=batch)]
        rows = [int(random.integers(len(shard["keys"]))) for shard in picks]
        return {
            name: torch.stack([shard[name][row] for shard, row in zip(picks, rows, strict=True)]).float()
            for name in picks[0]
        }
