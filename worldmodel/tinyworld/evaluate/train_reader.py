"""Training of the reader on true frames, plain and through the VAE, some of them under an event.

What an event hides cannot be read: such frames teach it what can be, and not to be sure of the rest.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ...vae.tiny import TinyVAE
from .. import pilot
from ..precision import mixed_precision
from ..run import Run
from ..scene import clips, engine, themes
from ..scene.engine import View
from ..scene.events import CLEAR, EVENTS, under
from .reader import CLASSES, CONFIDENT, Reader, is_wall, read

FRAMES, WALKS, POOL = 17, 8, 60
"""Frames of a true film, films rendered at a time, and such batches that are kept to draw from."""
BATCH, FRESH, FIRST = 16, 0.1, 12
"""Frames of an update, its share in a newly rendered batch, by which each is seen once or so; and batches that
are rendered before the first update."""
WEIGHTS = torch.tensor([3.0] * themes.WALLS + [6.0, 1.0, 1.0])
"""Of a theme's surfaces in the loss: walls, the landmark, of which little is seen, floor and sky."""
PLAIN, CHANGED = 0.25, 0.3
"""Shares of the films that are not sent through the VAE, and that are under an event."""


class Films:
    """True frames with their materials and inverse depth, some of them as the VAE shows them."""

    def __init__(self, vae: TinyVAE, seed: int) -> None:
        self.vae, self.random = vae, np.random.default_rng([53, seed])
        self.pool: list[tuple[Tensor, Tensor, Tensor]] = []

    def draw(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return frames (B, 3, H, W), materials (B, H, W) int64 and inverse depth (B, H, W)."""
        if len(self.pool) < FIRST or self.random.random() < FRESH:
            self.pool.append(self._render())
            del self.pool[:-POOL]
        picks = self.random.integers(len(self.pool), size=BATCH)
        rows = self.random.integers(WALKS * FRAMES, size=BATCH)
        shown, materials, near = (
            torch.stack([self.pool[pick][part][row] for pick, row in zip(picks, rows, strict=True)])
            for part in range(3)
        )
        return shown.float() / 255, materials.long(), near.float()

    @torch.inference_mode()
    def _render(self) -> tuple[Tensor, Tensor, Tensor]:
        places = clips.draw_places(self.random, WALKS, 0.5)
        view = pilot.views(places, clips.draw_walks(self.random, places, FRAMES), clips.PICTURE)
        drawn = self.random.choice(list(EVENTS)[1:], WALKS)
        changed = self.random.random(WALKS) < CHANGED
        names = [str(name) if one else CLEAR for name, one in zip(drawn, changed, strict=True)]
        film = under_each(view, names).movedim(-1, 1)
        plain = torch.from_numpy(self.random.random(WALKS) < PLAIN)
        with mixed_precision("cpu"):
            coded = (self.vae.decode(self.vae.encode(film * 2 - 1)).float() + 1) / 2
        shown = torch.where(plain[:, None, None, None, None], film, coded).movedim(1, 2).flatten(0, 1)
        near = (1 / view.depth).flatten(0, 1)
        return (shown * 255).round().byte(), view.materials.flatten(0, 1), near.half()


def under_each(view: View, names: list[str]) -> Tensor:
    """Return the pixels (N, F, H, W, 3) of films (N, F, ...), each under the event it is given."""
    flat = View(*(part.flatten(0, 1) for part in view))
    frames = [name for name in names for _ in range(view.pixels.shape[1])]
    return under(flat, frames).pixels.view_as(view.pixels)


def judge(reader: Reader, shown: Tensor, materials: Tensor, near: Tensor) -> dict[str, float]:
    """Say how well frames are read: the share of right wall and landmark pixels, mean over materials, and more."""
    said = read(reader, shown)
    walls, right = is_wall(materials), said.material == materials
    by_material = [
        right[materials == one].float().mean().item()
        for one in range(CLASSES)
        if one % themes.SURFACES < themes.MATERIALS and (materials == one).any()
    ]
    off = ((said.near - near).abs() / near)[walls]
    return {
        "walls": sum(by_material) / len(by_material),
        "wall_pixels": right[walls].float().mean().item(),
        "floor_and_sky": right[~walls].float().mean().item(),
        "sure": (said.sure[walls] >= CONFIDENT).float().mean().item(),
        "depth_off": off.median().item(),
    }


@torch.inference_mode()
def judged_films(
    vae: TinyVAE, count: int = 24, seed: int = 0, frames: int = 33, changed: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """Render fixed held-out films, send them through the VAE, and return every seventh frame as `Films.draw` does.

    Args:
        vae: that films are sent through.
        count: of films, half of them in levels.
        seed: of the walks.
        frames: of a film.
        changed: whether each film is under one of the events, in turn.
    """
    random = np.random.default_rng([59, seed])
    places = engine.build([*(-1 - n % 6 for n in range(count // 2)), *range(count - count // 2)])
    view = pilot.views(places, clips.draw_walks(random, places, frames), clips.PICTURE)
    names = [list(EVENTS)[1 + n % (len(EVENTS) - 1)] if changed else CLEAR for n in range(count)]
    film = under_each(view, names).movedim(-1, 1)
    coded = torch.cat([(vae.decode(vae.encode(piece * 2 - 1)) + 1) / 2 for piece in film.split(8)])
    kept = slice(4, None, 7)
    return (
        coded[:, :, kept].movedim(1, 2).flatten(0, 1),
        view.materials[:, kept].flatten(0, 1).long(),
        (1 / view.depth[:, kept]).flatten(0, 1),
    )


def train(folder: Path, vae: TinyVAE, minutes: float, rate: float = 2e-3, seed: int = 0) -> Run:
    """Train, or go on training, the reader in `folder` for `minutes` in all."""
    torch.manual_seed(seed)
    reader = Reader().to(memory_format=torch.channels_last)
    run = Run(folder, minutes, reader, [torch.optim.AdamW(reader.parameters(), lr=rate, weight_decay=1e-3)])
    films, fixed, changed = Films(vae, seed + run.step), judged_films(vae), judged_films(vae, 12, changed=True)
    while not run.done:
        run.schedule()
        shown, materials, near = films.draw()
        with mixed_precision("cpu"):
            scores, far, _ = reader(shown.contiguous(memory_format=torch.channels_last))
        weight = WEIGHTS[materials % themes.SURFACES]
        named = (cross_entropy(scores.float(), materials, reduction="none") * weight).mean()
        depth = ((far.float() - near).abs() * weight).mean()
        loss = named + depth
        reader.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
        run.optimizers[0].step()
        run.advance({"named": named.item(), "depth": depth.item()})
        if run.step % 250 == 0 or run.done:
            run.note({"held_out": judge(reader, *fixed), "under_events": judge(reader, *changed)})
    return run
