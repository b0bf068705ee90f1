"""What the weather and the light do to a rendered picture: each event a pure function of what a view shows.

Poses, depth and materials stay as they are; nothing is drawn at random, so that a frame under an event can be known.

Shapes: F frames, H x W picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ...models.causal_wan.vocabulary import heard
from . import themes
from .engine import EYE, FOCAL, View

CLEAR = "clear"
"""No event: the theme's own weather and light."""
GREY = (0.299, 0.587, 0.114)
NIGHT, MOONLIGHT, DARKEST = (0.26, 0.32, 0.52), (0.02, 0.03, 0.08), 0.55
"""What is left of each colour, what is added, and what is left of the sky besides."""
FOG, SEEN = (0.78, 0.80, 0.82), 4.0
"""Colour of the fog, and metres after which a third is still seen."""
SNOW, OVERCAST = (0.93, 0.95, 1.0), (0.74, 0.77, 0.83)
ON_FLOOR, ON_WALLS, IN_SKY = 0.82, (0.18, 0.62), 0.85
"""Shares that snow hides: of floors; of walls at their foot and from two metres up; of the sky that clouds hide."""
RED, REDDENED = (1.0, 0.26, 0.20), 0.6
"""Colour of the light, and the share of a picture's colours that it takes away."""


def night(view: View) -> Tensor:
    """Return the pixels (F, H, W, 3) by night: dark and blue, the sky darker still."""
    pixels = view.pixels * _colour(NIGHT, view) + _colour(MOONLIGHT, view)
    return torch.where(view.depth.isinf()[..., None], pixels * DARKEST, pixels)


def fog(view: View) -> Tensor:
    """Return the pixels in fog, which hides the more the farther away it is, and all of the sky."""
    left = (-view.depth / SEEN).exp()[..., None]
    return torch.lerp(_colour(FOG, view), view.pixels, left)


def snow(view: View) -> Tensor:
    """Return the pixels with snow on the floor and, the higher the more, on the walls, under clouds."""
    surface = view.materials % themes.SURFACES
    low, high = ON_WALLS
    lying = torch.where(surface == themes.FLOOR, ON_FLOOR, low + (high - low) * (height_of(view) / 2).clamp(0, 1))
    covered = torch.lerp(view.pixels, _colour(SNOW, view), lying[..., None])
    clouds = torch.lerp(view.pixels, _colour(OVERCAST, view), IN_SKY)
    return torch.where((surface == themes.SKY)[..., None], clouds, covered)


def red_light(view: View) -> Tensor:
    """Return the pixels in red light."""
    grey = (view.pixels * _colour(GREY, view)).sum(-1, keepdim=True)
    lit = (0.15 + 0.85 * grey) * _colour(RED, view)
    return torch.lerp(view.pixels * _colour(RED, view), lit, REDDENED)


EVENTS: dict[str, Callable[[View], Tensor]] = {
    CLEAR: lambda view: view.pixels, "night": night, "fog": fog, "snow": snow, "red light": red_light,
}  # fmt: skip
"""By their names, which are the words of the form with events; the first is none."""


def height_of(view: View) -> Tensor:
    """Return the metres (F, H, W) above the ground of what is seen; the sky is infinitely high."""
    high, wide = view.depth.shape[-2:]
    down = (torch.arange(high, device=view.depth.device) + 0.5 - high / 2) / (FOCAL * wide)
    return EYE - down[:, None] * view.depth


def under(view: View, events: Sequence[str]) -> View:
    """Return a view whose frames are each under an event.

    Args:
        view: of F frames.
        events: F names of `EVENTS`.
    """
    pixels = view.pixels.clone()
    for name in set(events) - {CLEAR}:
        frames = torch.tensor([event == name for event in events], device=pixels.device)
        pixels[frames] = EVENTS[name](View(*(part[frames] for part in view))).clamp(0, 1)
    return view._replace(pixels=pixels)


def told(prompts: Sequence[tuple[int, str]], frames: int) -> tuple[list[str], list[str]]:
    """Return the event of each of so many frames, as sentences say that begin to hold at a frame each; and those of
    them that name none, which change nothing."""
    names, unknown = [CLEAR] * frames, []
    for at, sentence in prompts:
        event = heard(list(EVENTS), sentence)
        if event is None:
            unknown.append(sentence)
        else:
            names[at:] = [event] * (frames - at)
    return names[:frames], unknown


def _colour(values: tuple[float, ...], view: View) -> Tensor:
    return torch.tensor(values, device=view.pixels.device, dtype=view.pixels.dtype)
