"""How soon does an event show, and is the place under it still the place? Judged on held-out walks with one event each.

Each walk is rolled out twice with the same noise: under the event from a chunk on, and without one. The first film is
compared with what the engine renders under the event and with what it renders without. How well the place is kept is
told by the PSNR against the true film, and by how far light and dark lie where they lie there: the correlation of the
frames' luma with the true one's, which a dark or foggy picture does not raise by being dark; and, where there is a
reader, by the material of what stands there. All are told of the first film against the truth under the event, and of
the second against the truth without one.

Shapes: N walks, B walks of a batch, F frames under the event, H x W picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ...memory.kept_keys import LAST_BLOCK, TEXT_ONLY, WINDOW
from ...metrics.pictures import luma, psnr, squared_error
from .. import pilot
from ..scene import clips
from ..scene.engine import View
from ..weather.form import EVENTS
from ..weather.player import EventPlayer
from . import reading
from .drift import through_vae
from .reader import Reader
from .reading import WARM_UP
from .suites import Tracks
from .train_reader import under_each

SEED = 11_000
POLICIES = TEXT_ONLY, LAST_BLOCK, WINDOW
"""Ways to take a new word in that are compared."""
WITHIN = 2
"""Chunks within which an event is to show."""
BATCH = 16


class Span(NamedTuple):
    """Chunks of a walk before its event, by when the window is full, and under it; and whether the same walk is made
    without one, to be compared with."""

    before: int = 4
    after: int = 2
    compared: bool = True


FULL, SHORT = Span(), Span(1, 2, compared=False)


class Weather(NamedTuple):
    """Of each walk (N,): numbers of `form.EVENTS`; frames under the event until all later ones are nearer to it than to
    none; whether the last frames within WITHIN chunks are. Then likeness (correlation of luma), dB, and the share of
    right wall and landmark pixels, mean over the walk's materials: of the film under the event, and of the same walk
    without one, NaN where that was not made or read. Last the share of the true film under it, through the VAE."""

    event: Tensor
    frames: Tensor
    visible: Tensor
    like: Tensor
    like_without: Tensor
    psnr: Tensor
    psnr_without: Tensor
    right: Tensor
    right_without: Tensor
    right_true: Tensor

    def part(self, event: int) -> Weather:
        """Return the walks with one event."""
        return Weather(*(value[self.event == event] for value in self))


def measure(
    player: EventPlayer,
    tracks: Tracks,
    walks: int,
    policies: Sequence[str] = (LAST_BLOCK,),
    span: Span = FULL,
    reader: Reader | None = None,
) -> dict[str, Weather]:
    """Measure the first `walks` walks, each with the next of the events, under each policy; a reader reads them."""
    rows: dict[str, list[Weather]] = {policy: [] for policy in policies}
    for number, batch in tracks.batches(walks, BATCH):
        event = 1 + (number * BATCH + torch.arange(len(batch.seeds))) % (len(EVENTS) - 1)
        for policy, found in _measured(player, batch, event, policies, (span, reader), SEED + number).items():
            rows[policy].append(found)
    return {policy: Weather(*map(torch.cat, zip(*parts, strict=True))) for policy, parts in rows.items()}


def _measured(
    player: EventPlayer,
    tracks: Tracks,
    event: Tensor,
    policies: Sequence[str],
    how: tuple[Span, Reader | None],
    seed: int,
) -> dict[str, Weather]:
    span, reader = how
    chunking, chunks = player.variant.chunking, span.before + span.after
    begin, end = chunking.first_frame(span.before), chunking.first_frame(chunks)
    worlds, walks = tracks.walk(frames=end)
    seen = pilot.views(worlds, walks, clips.PICTURE)
    first = (seen.pixels[:, 0].movedim(-1, 1) * 255).round() / 255
    shown = View(*(part[:, begin:] for part in seen))
    calm = shown.pixels.movedim(-1, 2)
    changed = under_each(shown, [EVENTS[int(one)] for one in event]).movedim(-1, 2)
    events = torch.where(torch.arange(chunks) < span.before, 0, event[:, None])
    without = torch.full((3, len(event)), torch.nan)
    judged = slice(chunking.first_frame(span.before + 1) - begin, None)
    ends = [chunking.first_frame(span.before + count) - begin for count in (WITHIN - 1, WITHIN)]
    last = slice(*ends)
    told = shown.materials[:, judged], shown.depth[:, judged]
    if span.compared:
        plain = _shown(player.under(None), first, walks.actions, span, seed)
        without = (*_kept(plain[:, judged], calm[:, judged]), _right(reader, plain[:, judged], *told))
    right_true = torch.full((len(event),), torch.nan)
    if reader is not None:
        part = (end - begin - 1) % chunking.frames_per_latent  # to whole latents
        coded = through_vae(player, changed[:, part:], {}, {})
        right_true = _right(reader, coded[:, judged.start - part :], *told)
    found = {}
    for policy in policies:
        made = _shown(player.under(events, policy), first, walks.actions, span, seed)
        near, far = squared_error(made, changed), squared_error(made, calm)
        like, level = _kept(made[:, judged], changed[:, judged])
        right = _right(reader, made[:, judged], *told)
        visible = near[:, last].mean(1) < far[:, last].mean(1)
        kept = like, without[0], level, without[1], right, without[2], right_true
        found[policy] = Weather(event, frames_until(near < far), visible, *kept)
    return found


@torch.inference_mode()
def _shown(player: EventPlayer, first: Tensor, actions: pilot.Actions, span: Span, seed: int) -> Tensor:
    """Return the frames (B, F, 3, H, W) from the event on; of those before it only what leads to them is decoded."""
    chunking, chunks = player.variant.chunking, span.before + span.after
    latents = torch.cat(list(player.roll_latents(player.see(first, chunks), actions, chunks, seed)), 2)
    film = player.show(latents[:, :, max(0, chunking.first_latent(span.before) - WARM_UP) :], {}).transpose(1, 2)
    return film[:, chunking.first_frame(span.before) - chunking.first_frame(chunks) :]


def _kept(films: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
    """Return likeness and dB (B,) of films (B, F, 3, H, W)."""
    return likeness(films, true).mean(1), psnr(squared_error(films, true).mean(1))


def _right(reader: Reader | None, films: Tensor, materials: Tensor, depth: Tensor) -> Tensor:
    """Return the share (B,) of right wall and landmark pixels of films (B, F, 3, H, W), NaN without a reader."""
    if reader is None:
        return torch.full((len(films),), torch.nan)
    said = reading.read_films(reader, films)
    return reading.judged(said, materials.long(), 1 / depth, torch.ones_like(depth, dtype=torch.bool)).walls


def likeness(films: Tensor, true: Tensor) -> Tensor:
    """Return the correlation (B, F) of the luma of films (B, F, 3, H, W) with that of the true ones."""
    one, other = (luma(film).flatten(2) for film in (films, true))
    one, other = one - one.mean(-1, keepdim=True), other - other.mean(-1, keepdim=True)
    return (one * other).sum(-1) / (one.norm(dim=-1) * other.norm(dim=-1)).clamp_min(1e-6)


def frames_until(nearer: Tensor) -> Tensor:
    """Return the frames (B,) after which all of (B, F) are true; F where the last is not."""
    count = nearer.shape[1]
    return ((~nearer) * torch.arange(1, count + 1)).amax(1)


def table(found: dict[str, Weather]) -> list[str]:
    """Return lines that compare policies, over all events and by each."""
    heads = "likeness, without   PSNR, without        right material, without, true frames under it"
    lines = [f"{'policy':12s} {'event':10s} {'visible':>7s} {'after':>12s}   {heads}"]
    for policy, all_events in found.items():
        parts = {"all": all_events, **{EVENTS[one]: all_events.part(one) for one in all_events.event.unique().tolist()}}
        for name, part in parts.items():
            shares = " ".join(f"{value.mean():8.1%}" for value in (part.like, part.like_without))
            levels = " ".join(f"{value.mean():6.1f} dB" for value in (part.psnr, part.psnr_without))
            right = " ".join(f"{value.nanmean():6.1%}" for value in (part.right, part.right_without, part.right_true))
            seen = f"{part.visible.float().mean():7.0%} {part.frames.float().mean():5.1f} frames"
            lines.append(f"{policy:12s} {name:10s} {seen}  {shares}   {levels}   {right}")
    return lines
