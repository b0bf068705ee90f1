"""A family that lives only here, written as it would lie in worldmodel/families/: what a new one costs.

Its network looks at the last two latents, and is told a camera and a prompt. T sampled latents, h, w grid, C width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ..layers.wan import cast_like, modulation_parameter
from ..models import NOT_A_SAMPLER
from ..rollout.contexts import KeepsNothing
from ..rollout.samplers import count_of
from ..rollout.sampling import Levels
from ..vae.latent_formats import LatentFormat
from ..variants import AS_RELEASED, CORRECTED, Chunking, Rays, StartParts, Text, Variant
from ..world.state import Controls, Start, World
from .family import Beginning, Encoders, Family

TOY = Variant(
    name="toy", title="Toy", family="toy", keyboard=None, mouse=None, camera=Rays("origin_direction"), text=Text(512),
    steps=(4,), shift=2.0, picture=(32, 48), fps=8.0, latents=LatentFormat("toy", channels=8, pixels=8, frames=4),
    chunking=Chunking(first=5, later=4, given=1), start=StartParts(channels=8, latents=1, image_tokens=False),
    forms=(CORRECTED, AS_RELEASED),
)  # fmt: skip


class Call(NamedTuple):
    timesteps: Tensor  # (1, 2 + T), 0 for what is past
    past: Tensor  # (1, 8, 2, h, w)
    camera: Tensor  # (1, T, 12)
    text: Tensor  # (1, words, width)

    def at(self, timestep: Tensor) -> Call:
        timesteps = torch.zeros_like(self.timesteps)
        timesteps[:, 2:] = timestep.item()
        return self._replace(timesteps=timesteps)


class ToyNetwork(nn.Module):
    def __init__(self, *, dim: int, text_dim: int, operations: Any = nn, dtype: Any = None, device: Any = None):
        super().__init__()
        place = {"dtype": dtype, "device": device}
        self.dtype, self.cast = dtype, getattr(operations, "cast", cast_like)
        self.patch_embedding = operations.Conv3d(8, dim, (1, 2, 2), (1, 2, 2), **place)
        self.camera, self.text = operations.Linear(12, dim, **place), operations.Linear(text_dim, dim, **place)
        ffn = nn.Sequential(operations.Linear(dim, dim, **place), nn.SiLU(), operations.Linear(dim, dim, **place))
        self.blocks = nn.ModuleList([nn.ModuleDict({"ffn": ffn})])
        self.head = nn.ModuleDict({"head": operations.Linear(dim, 32, **place)})
        self.head.modulation = modulation_parameter(1, dim, **place)

    def forward(self, x: Tensor, t: Any = None, context: Any = None, options: Any = None, call: Any = None, **_: Any):
        if call is None:
            raise ValueError(NOT_A_SAMPLER)
        frames = torch.cat((call.past.to(x), x), dim=2)  # (1, 8, 2 + T, h, w)
        tokens = self.patch_embedding(frames).movedim(1, -1)  # (1, 2 + T, h/2, w/2, C)
        level = (call.timesteps.to(x) / 1000)[..., None, None, None]
        told = self.camera(call.camera.to(x)) + self.text(call.text.to(x)).mean(1, keepdim=True)  # (1, T, C)
        seen = tokens[:, 2:] * (1 + level[:, 2:]) + tokens[:, :2].mean(1, keepdim=True) + told[:, :, None, None]
        seen = seen + self.blocks[0]["ffn"](seen + seen.mean(1, keepdim=True))
        patches = self.head["head"](seen + self.cast(self.head.modulation, seen)).unflatten(-1, (8, 2, 2))
        # (1, T, h/2, w/2, 8, 2, 2) -> (1, 8, T, h, w)
        return patches.permute(0, 4, 1, 2, 5, 3, 6).reshape(x.shape).to(x.dtype)


class Euler(NamedTuple):
    count: int
    shift: float

    def levels(self) -> Levels:
        u = torch.linspace(1, 0, self.count + 1)[:-1]
        sigmas = self.shift * u / (1 + (self.shift - 1) * u)
        return Levels(1000 * sigmas, sigmas)

    def sample(self, predict: Callable, draws: Iterator[Tensor], after_step: Callable | None = None) -> Tensor:
        x, (timesteps, sigmas) = next(draws), self.levels()
        for number, (timestep, after) in enumerate(zip(timesteps, [*sigmas[1:], torch.zeros(())], strict=True)):
            velocity = predict(x, timestep)
            if after_step is not None:
                after_step(number, x - sigmas[number] * velocity)
            x = x + (after - sigmas[number]) * velocity
        return x

    def said(self) -> str:
        return f"{self.count} Euler steps; shift {self.shift:g}"


class LastTwo(KeepsNothing):
    def gather(self, world: World, controls: Controls, index: int) -> Call:
        first = world.start.image_condition[:, :1]
        past = world.chunks[index - 1].latents[:, -2:] if index else torch.cat((first, first), dim=1)
        count = self.about.variant.chunking.sampled(index)
        camera = controls.c2w[-4 * count :].unflatten(0, (count, 4)).mean(1)[:, :3].flatten(1)
        parts = (part[None].to(self.about.device) for part in (past, camera, self.about.text_of(controls)))
        return Call(torch.zeros(1, 2 + count), *parts)


def start(asked: Beginning, encoders: Encoders) -> Start:
    picture = interpolate(asked.image.movedim(-1, 1), asked.size)[0].movedim(0, -1)
    latents = encoders.video(picture[None])
    return Start("toy", "toy", latents, text=encoders.text(asked.prompt), form=asked.form)


def identified(weights: dict, entries: dict, name: str) -> tuple[Variant, dict] | None:
    if "camera.weight" not in weights:
        return None
    return TOY, {"dim": weights["camera.weight"].shape[0], "text_dim": weights["text.weight"].shape[1]}


FAMILY = Family(
    name="toy", title="a toy", network=ToyNetwork, arguments=dict, identified=identified,
    resembles=lambda keys, prefix: f"{prefix}camera.weight" in keys,
    sampler=lambda steps, shift, form: Euler(count_of(steps), shift + (form == AS_RELEASED)), numbers=lambda *_: (),
    context=LastTwo, start=start, widths=lambda sizes: {"text": sizes["text_dim"]}, kept=lambda *_: 0, seen=lambda _: 6,
)  # fmt: skip
