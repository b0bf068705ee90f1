"""Training of Tiny World's form with events: flow matching, chunk after chunk, as a rollout goes.

Of each chunk the clean latents, which write the memory, and noisy ones, which read it, pass the network side by side;
gradients flow through what is remembered of them. Clean latents are spoiled by errors the model made elsewhere (error
buffer).

A word begins to hold where a chunk begins, and what was remembered before it was made under the old one, or made again
under the new one: each policy of `memory.kept_keys` is learnt from.

Shapes: B clips, T latents, C = 16 channels, h x w latent grid.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from ...layers.kept import Kept
from ...models.causal_wan.conditions import Call
from ...models.causal_wan.network import CausalWan
from ...variants import WITH_EVENTS
from ..export import open_player
from ..pilot import Actions
from ..player import MODEL_FILE
from ..precision import mixed_precision
from ..run import Run
from ..train_dit import ErrorBuffer, optimizers_for, update
from .form import CHUNK, SAMPLER, SIZES, VARIANT, Told, told_of

BATCH, TAUGHT = 8, 3
"""Clips of an update, and chunks that each teaches."""
FROM_START = 0.35
"""Share of the clips that begin with the world."""
OWN_SHARE = 0.7
"""Share of the noise levels that are the sampler's own."""
KEPT, LAST, ALL = 0, 1, 2
"""What of the chunks before a new word is remembered under it: nothing, the last one, or all that is in the window."""
POLICIES = (0.3, 0.4, 0.3)
FAR, FARTHEST = 0.3, 240
"""Share of the batches in the middle of a walk whose place in time is moved on, and by how many latents at most: the
sink lies far behind then, as it does on long walks."""
SPOILED = 0.5
"""How often a chunk's clean latents are spoiled, in most clips then; else the past is true, and so worth reading."""
KEEP = 0.995
"""Of the moving average of the weights: short, as runs are."""
LEVELS = SAMPLER.levels()
BEHIND = (VARIANT.window - VARIANT.sink) // CHUNK - 1
"""Chunks before the current one that are in the window behind the sink."""


class Clip(NamedTuple):
    """Clips whose first taught chunk is `first`.

    Args:
        latents: (B, C, T, h, w) normalised, of whole walks.
        told: of whole walks.
        first: chunk of the walks.
        under: (B, chunks) the event under which each chunk is remembered.
        shift: latents that the chunks behind the sink are moved on by.
    """

    latents: Tensor
    told: Told
    first: int
    under: Tensor
    shift: int


class TaughtCache:
    """What a network is given in place of a `SinkCache` in training: the keys of clean latents, with their gradients.

    A pass that commits has the clean latents of a chunk in its first B rows, and the noisy ones, if it teaches, in as
    many behind; one that does not has noisy ones alone.
    """

    def __init__(self, clips: int) -> None:
        self.clips, self.said = clips, Kept(0)
        self.chunks: dict[Hashable, list[tuple[Tensor, Tensor]]] = {}

    def extend(
        self, slot: Hashable, keys: Tensor, values: Tensor, *, per_latent: int, commit: bool
    ) -> tuple[Tensor, Tensor]:
        """Return history ++ current of a slot, and remember the clean rows if `commit`."""
        kept = self.chunks.setdefault(slot, [])
        seen = [*kept[:1], *kept[1:][-BEHIND:]]
        both = []
        for part, current in enumerate((keys, values)):
            old = [chunk[part].repeat(len(current) // self.clips, 1, 1, 1) for chunk in seen]
            both.append(torch.cat([*old, current], 1))
        if commit:
            kept.append((keys[: self.clips], values[: self.clips]))
        return tuple(both)

    def place(self, slot: Hashable, like: Tensor, *, per_latent: int) -> None:
        """Offer no place to write to: `extend` is given tensors of their own."""

    def of_rollout(self, slot: Hashable, make: Callable[[], Any]) -> Any:
        """Return what `make` gives: weights change."""
        return make()


class Films:
    """All shards of a folder that `films.write_films` writes, looked for anew at times."""

    def __init__(self, folder: Path, mean: Tensor, std: Tensor) -> None:
        self.folder, self.mean, self.std = folder, mean, std
        self.known: set[str] = set()
        self.walks: dict[str, Tensor] = {}

    def refresh(self) -> None:
        """Read the shards that are new.

        Raises:
            ValueError: there is none at all.
        """
        fresh = [path for path in sorted(self.folder.glob("*.safetensors")) if path.name not in self.known]
        self.known.update(path.name for path in fresh)
        parts = [*([self.walks] if self.walks else []), *map(load_file, fresh)]
        if not parts:
            raise ValueError(f"--shards: found no encoded walks in {self.folder}; run `films` on it first.")
        if fresh:
            self.walks = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def draw(self, random: np.random.Generator, batch: int) -> Clip:
        """Draw clips that begin with the world, or anywhere behind the sink."""
        rows = torch.from_numpy(random.integers(len(self.walks["keys"]), size=batch))
        walks = {name: value[rows] for name, value in self.walks.items()}
        latents, tail = ((walks[name].float() - self.mean) / self.std for name in ("latents", "tail"))
        chunks = latents.shape[2] // CHUNK
        first = 0 if random.random() < FROM_START else int(random.integers(1, chunks - TAUGHT + 1))
        shift = int(random.integers(FARTHEST)) if first > BEHIND and random.random() < FAR else 0
        actions = Actions(walks["keys"].float(), walks["turns"].double())
        told = told_of(torch.cat([latents[:, :, :1], tail], 2), actions, walks["events"], latents.shape[2])
        policy = torch.from_numpy(random.choice(len(POLICIES), batch, p=POLICIES))
        return Clip(latents, told, first, remembered(walks["events"], policy, first), shift)


def remembered(events: Tensor, policy: Tensor, first: int) -> Tensor:
    """Return the event under which each chunk is remembered, (B, chunks).

    Args:
        events: (B, chunks) that hold.
        policy: (B,) what is made again under a new word; all of the window only before chunk `first`, as what is taught
            before it would know what comes.
        first: first chunk that is taught.
    """
    under = events.clone()
    under[:, :-1] = torch.where((policy == KEPT)[:, None], events[:, :-1], events[:, 1:])
    if first:
        window = slice(max(1, first - BEHIND), first)
        under[:, window] = torch.where((policy == ALL)[:, None], events[:, first, None], under[:, window])
    return under


def build_network(seed: int) -> CausalWan:
    """Make a fresh network whose cameras and head start at zero."""
    torch.manual_seed(seed)
    network = CausalWan(SIZES)
    nothing = ("head.head", "cam_scale_layer", "cam_shift_layer")
    for name, parameter in network.named_parameters():
        if name.rpartition(".")[0].endswith(nothing):
            nn.init.zeros_(parameter)
    return network


def taken_over(network: nn.Module, weights: dict[str, Tensor], pictures: dict[str, Tensor]) -> list[str]:
    """Put other networks' weights in where they fit, and return their names.

    Args:
        weights: of a form of Tiny World; that with memory has the camera's layers, too.
        pictures: of a form that is told of its picture behind the latents, as this one is.
    """
    own, name = network.state_dict(), "patch_embedding.weight"
    fitting = {key: value.float() for key, value in weights.items() if key in own and own[key].shape == value.shape}
    if name not in fitting and pictures[name].shape == own[name].shape:
        fitting[name] = pictures[name].float().clone()
        if name in weights:
            fitting[name][:, : SIZES.channels] = weights[name].float()
    network.load_state_dict({**own, **fitting})
    return sorted(fitting)


def draw_sigmas(random: np.random.Generator, batch: int) -> tuple[Tensor, Tensor]:
    """Draw noise levels and their timesteps, (B,) each: mostly the sampler's own, else any of the shifted schedule."""
    u = torch.from_numpy(random.random(batch)).float()
    sigma = VARIANT.shift * u / (1 + (VARIANT.shift - 1) * u)
    own = torch.from_numpy(random.integers(len(LEVELS.sigmas), size=batch))
    is_own = torch.from_numpy(random.random(batch) < OWN_SHARE)
    owned = LEVELS.sigmas[own].float(), LEVELS.timesteps[own].float()
    return torch.where(is_own, owned[0], sigma), torch.where(is_own, owned[1], 1000 * sigma)


def flow_error(network: nn.Module, clip: Clip, errors: ErrorBuffer, random: np.random.Generator) -> Tensor:
    """Let the network walk through clips, and return the squared error of the velocity, its mean."""
    batch, cache, wrong = len(clip.latents), TaughtCache(len(clip.latents)), []
    history = [*range(min(1, clip.first)), *range(max(1, clip.first - BEHIND), clip.first)]

    def parts_of(chunk: int) -> tuple[Tensor, Call, Call]:
        """Return a chunk's truth, and what it is told where it is remembered and where it is made."""
        shift = clip.shift if chunk else 0
        clean, noisy = (clip.told.call(chunk, told, cache, shift) for told in (clip.under[:, chunk], None))
        return clip.latents[:, :, chunk * CHUNK : (chunk + 1) * CHUNK], clean._replace(commit=True), noisy

    def spoiled(truth: Tensor) -> Tensor:
        return errors.spoil(truth, random) if random.random() < SPOILED else truth

    with torch.no_grad(), mixed_precision("cpu"):  # what is taught shows soon enough how to remember
        for chunk in history:
            truth, clean, _ = parts_of(chunk)
            network(spoiled(truth), call=clean)
    last = clip.first + TAUGHT - 1
    for chunk in range(clip.first, last + 1):
        truth, clean, call = parts_of(chunk)
        sigma, timesteps = draw_sigmas(random, batch)
        level, noise = sigma.view(-1, 1, 1, 1, 1), torch.randn_like(truth)
        x, call = (1 - level) * truth + level * noise, call._replace(timesteps=timesteps[:, None].expand(-1, CHUNK))
        if chunk < last:  # nobody looks back on the last one
            x, call = torch.cat([spoiled(truth), x]), beside(clean, call)
        with mixed_precision("cpu"):
            velocity = network(x, call=call)[-batch:].float()
        off = velocity - (noise - truth)
        wrong.append(off.square().mean())
        errors.push((-level * off).detach(), (sigma > 0.3) & (sigma < 0.75))
    return torch.stack(wrong).mean()


def beside(clean: Call, noisy: Call) -> Call:
    """Return the call of clean rows and of as many noisy ones behind them."""
    names = ("timesteps", "text", "condition", "rays")
    return clean._replace(**{name: torch.cat([getattr(clean, name), getattr(noisy, name)]) for name in names})


def begin_run(
    folder: Path, minutes: float, rate: float, seed: int, begin_with: Path | None, updates: int | None = None
) -> Run:
    """Begin, or resume, a run.

    Its `extra` holds mean and std of the latents, the moving average of the weights, the variant and the sizes.
    """
    network = build_network(seed)
    run = Run(folder, minutes, network, optimizers_for(network, rate), updates)
    if "mean" not in run.extra:
        known, pictures = open_player(begin_with), open_player(MODEL_FILE)
        taken = taken_over(network, known.network.state_dict(), pictures.network.state_dict()) if begin_with else []
        run.begin(known.mean, known.std, sizes=SIZES._asdict(), variant=WITH_EVENTS)
        run.note({"taken over": len(taken), "of": len(run.extra["average"])})
    torch.manual_seed(seed + run.step)
    return run


def train(
    folder: Path,
    shards: Path,
    minutes: float,
    rate: float,
    seed: int,
    begin_with: Path | None = None,
    updates: int | None = None,
) -> Run:
    """Train, or go on training, the run in `folder` for `minutes` in all.

    Args:
        shards: folder of encoded walks that `write_films` writes.
        begin_with: model file or run of any form, whose weights to begin with where they fit; `None`: fresh ones.
        updates: the run's length, if it is not given in minutes.

    Raises:
        ValueError: there are no walks.
    """
    run = begin_run(folder, minutes, rate, seed, begin_with, updates)
    films = Films(shards, run.extra["mean"], run.extra["std"])
    random, errors = np.random.default_rng([67, seed, run.step]), ErrorBuffer()
    while not run.done:
        run.schedule()
        if run.step % 25 == 0 or not films.walks:
            films.refresh()
        loss = flow_error(run.model, films.draw(random, BATCH), errors, random)
        norm = update(run, loss, min(KEEP, 1 - 1 / (run.step + 10)))
        run.advance({"loss": loss.item(), "norm": norm}, every=25)
    return run
