"""Adversarial training of the few-step model on its own rollouts, so that it stays sharp far from the truth.

A model trained on errors alone answers what it cannot know with an average, and a rollout of averages fades. Here the
variant's sampler rolls worlds out far beyond the true films, and a critic that sees short windows of latents with
their actions says how real each place looks (adversarial post-training: arXiv:2501.08316; of autoregressive models:
arXiv:2506.09350; self-forcing: arXiv:2506.08009). Only the last step of a chunk carries a gradient. Between such
updates the model goes on with flow matching, which keeps it obedient, at the noise levels above that step's: at
its own level it would ask for the average again.

Shapes: B clips, T latents, C = 16 channels, h x w latent grid; a window is WINDOW latents.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ..layers.cache import KVCache
from ..models.matrix_game2.network import Step
from ..rollout.sampling import Levels
from . import carried
from .latents import Shards
from .player import Conditions, build_conditions
from .precision import mixed_precision
from .run import Run
from .train_dit import (
    CHUNK,
    COURSE,
    LEVELS,
    VARIANT,
    Course,
    ErrorBuffer,
    begin_run,
    draw_clip,
    flow_error,
    side_by_side,
    take_clip,
    teacher_forced,
    update,
)

SEAM = 1
"""Latents before a chunk that its critic sees with it."""
WINDOW = SEAM + CHUNK
ACTIONS = CHUNK * 12 * 6
ROLLOUTS = 24
LONGEST = 30
"""Chunks of a rollout at the end of the training; it begins with 3."""
SHORT = 3
"""Chunks of most rollouts, at most."""
PUSH = (1.25, 1.9)
"""Root mean square by which the critic would move a clean estimate of a first and of a later chunk, beside an error of
weight 1."""
ANCHORS = (0.6, 0.05)
"""Weight of the error against the truth in a rollout's first chunks; what comes later the start does not tell."""
SMOOTH = 0.05
"""Noise under which the critic must not change its mind."""
CARRIED_ANCHOR = 0.4
"""Weight of the error against how the model's own film should have gone on, where the chunk before shows that."""
FLOW_SHARE, CARRIED_SHARE, AGAIN_SHARE = 0.15, 0.2, 0.5
"""Shares of the updates that learn by flow matching from true clips, and from how own films should have gone on; and of
the rollouts that begin in the middle of an own film."""
CARRIED_CLIPS = 8
UNKNOWN = 0.1
"""Weight, in flow matching, of what the chunk before did not show."""
JUDGED_LEVEL = 0.75
"""Noise level below which only the critic and the first chunks' truth teach."""
WARM_UP = 60
"""Steps in which only the critic learns."""


class Residual(nn.Module):
    """Two convolutions with a shift by the actions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.told = nn.Linear(128, width)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """Return x (B, width, h, w) with its residual added; told (B, 128)."""
        inner = nn.functional.silu(self.first(nn.functional.silu(x)) + self.told(told)[..., None, None])
        return x + self.second(inner)


class Critic(nn.Module):
    """Says for every place of a window how real it looks, on two scales."""

    def __init__(self, width: int = 128) -> None:
        super().__init__()
        self.told = nn.Sequential(nn.Linear(ACTIONS, 128), nn.SiLU(), nn.Linear(128, 128))
        self.stem = nn.Conv2d(WINDOW * 16 + 1, width, 3, padding=1)
        self.fine = nn.ModuleList(Residual(width) for _ in range(2))
        self.fine_score = nn.Conv2d(width, 1, 1)
        self.down = nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)
        self.coarse = nn.ModuleList(Residual(2 * width) for _ in range(2))
        self.coarse_score = nn.Conv2d(2 * width, 1, 1)

    def forward(self, window: Tensor, actions: Tensor, fresh: bool) -> Tensor:
        """Score windows.

        Args:
            window: (B, C, WINDOW, h, w) normalised; of a world's first chunk the seam is zero.
            actions: (B, ACTIONS).
            fresh: whether it is the first chunk.

        Returns:
            (B, h * w + h * w / 4) scores, higher is more real.
        """
        told = self.told(actions)
        flat = window.flatten(1, 2)
        x = self.stem(torch.cat([flat, torch.full_like(flat[:, :1], float(fresh))], 1))
        for block in self.fine:
            x = block(x, told)
        scores = [self.fine_score(nn.functional.silu(x))]
        x = self.down(x)
        for block in self.coarse:
            x = block(x, told)
        scores.append(self.coarse_score(nn.functional.silu(x)))
        return torch.cat([score.flatten(1) for score in scores], 1)


def window_at(latents: Tensor, chunk: int) -> Tensor:
    """Cut a chunk with its seam out of latents (B, C, T, h, w) that begin at the world's start."""
    if chunk:
        return latents[:, :, chunk * CHUNK - SEAM : (chunk + 1) * CHUNK]
    return torch.cat([torch.zeros_like(latents[:, :, :SEAM]), latents[:, :, :CHUNK]], 2)


def actions_at(told: Conditions, chunk: int) -> Tensor:
    """Return the actions that a chunk's latents read, (B, ACTIONS)."""
    span = slice(chunk * CHUNK, (chunk + 1) * CHUNK)
    return torch.cat([told.keyboard[:, span], told.mouse[:, span]], -1).flatten(1)


class Judge:
    """A critic in training, with its optimizer; both are kept with the run."""

    def __init__(self, rate: float, run: Run) -> None:
        device = run.extra["mean"].device
        self.critic = Critic().to(device, memory_format=torch.channels_last)
        self.optimizer = torch.optim.AdamW(self.critic.parameters(), lr=rate, betas=(0.5, 0.95), weight_decay=1e-3)
        self.sizes: dict[int, float] = {}
        if "critic" in run.extra:
            self.critic.load_state_dict(run.extra["critic"])
            self.optimizer.load_state_dict(run.extra["critic_optimizer"])
        self._keep_with(run)

    def _keep_with(self, run: Run) -> None:
        # the run saves at times of its own; parameters are shared, the optimizer's numbers are asked for then
        run.extra["critic"] = self.critic.state_dict()
        run.before_saving = lambda: run.extra.update(critic_optimizer=self.optimizer.state_dict())

    def learn(self, real: Tensor, told: Tensor, fake: Tensor, fake_told: Tensor, fresh: bool) -> float:
        """Learn to tell real windows from made ones and from real ones with another's actions; return the margin."""
        with mixed_precision(real.device):
            mixed = torch.cat([real, fake, real, real + SMOOTH * torch.randn_like(real),
                               fake + SMOOTH * torch.randn_like(fake)])  # fmt: skip
            actions = torch.cat([told, fake_told, told.roll(1, 0), told, fake_told])
            scores = self.critic(mixed, actions, fresh).float()
        good, bad, wrong, good_near, bad_near = scores.split([len(real), len(fake), len(real), len(real), len(fake)])
        loss = softplus(bad - good).mean() + 0.3 * softplus(wrong - good).mean()
        # a finite-difference stand-in for the gradient penalty (arXiv:2501.08316, sec. 3.4)
        smooth = (good - good_near).square().mean() + (bad - bad_near).square().mean()
        self.optimizer.zero_grad(set_to_none=True)
        (loss + 20.0 * smooth).backward()
        self.optimizer.step()
        return (good - bad).mean().item()

    def push(self, window: Tensor, told: Tensor, chunk: int) -> Tensor:
        """Return where the critic would move chunk number `chunk` of worlds, given its window: (B, C, CHUNK, h, w), up
        its scores, RMS about 1 among the first chunks, the second ones, and all others."""
        window = window.detach().requires_grad_()
        for parameter in self.critic.parameters():
            parameter.requires_grad_(False)
        with mixed_precision(window.device):
            total = -softplus(-self.critic(window, told, chunk == 0).float()).sum()
        (gradient,) = torch.autograd.grad(total, window)
        for parameter in self.critic.parameters():
            parameter.requires_grad_(True)
        gradient = gradient[:, :, SEAM:]
        size, kind = gradient.square().mean().sqrt().item(), min(chunk, len(ANCHORS))
        self.sizes[kind] = 0.95 * self.sizes.get(kind, size) + 0.05 * size
        return gradient / max(self.sizes[kind], 1e-12)


class Goal(NamedTuple):
    """What a chunk should be (B, C, CHUNK, h, w), and the weight (B, 1, CHUNK, h, w) of the error against it."""

    truth: Tensor
    weight: Tensor


class Rollouts:
    """A batch of worlds that roll on and on, and begin anew after some chunks."""

    def __init__(
        self,
        shards: Shards,
        own: carried.OwnWalks,
        random: np.random.Generator,
        mean: Tensor,
        std: Tensor,
        count: int = ROLLOUTS,
    ) -> None:
        self.shards, self.own, self.random = shards, own, random
        self.mean, self.std, self.count = mean, std, count
        self.levels = Levels(*(values.to(shards.device) for values in LEVELS))
        self.chunk = self.end = 0

    def begin(self, longest: int) -> None:
        """Draw starts and actions: first those of the true films, later those of others."""
        # the first chunks look back less far than all others, and would be learnt last
        self.end = int(self.random.integers(2, (SHORT if self.random.random() < 0.6 else longest) + 1))
        self.chunk = 0
        walks = self.shards.draw(self.random, self.count, long=bool(self.random.random() < 0.5))
        self.truth = (walks["latents"] - self.mean) / self.std
        tail = (walks["tail"] - self.mean) / self.std
        keys, turns = [walks["keys"]], [walks["turns"]]
        while sum(rows.shape[1] for rows in keys) < VARIANT.chunking.first_frame(self.end):
            more = self.shards.draw(self.random, self.count, long=True)
            keys.append(more["keys"])
            turns.append(more["turns"])
        image = torch.cat([self.truth[:, :, :1], tail], 2)
        self.told = build_conditions(image, torch.cat(keys, 1), torch.cat(turns, 1), VARIANT, self.end * CHUNK)
        self.known, self.weight = range(len(ANCHORS)), torch.empty_like(self.truth[:, :1])
        for chunk in self.known:
            self.weight[:, :, chunk * CHUNK : (chunk + 1) * CHUNK] = ANCHORS[chunk]
        self.cache = KVCache(VARIANT.window, CHUNK)
        self.seam = torch.zeros_like(self.truth[:, :, :SEAM])

    def begin_again(self, network: nn.Module) -> None:
        """Begin in the middle of own films, whose next chunk is known where the one before shows it."""
        walks = self.own.draw(self.random, self.count)
        self.chunk = int(self.random.integers(1, carried.CHUNKS))
        self.end = min(self.chunk + int(self.random.integers(1, 3)), carried.CHUNKS)
        made, span = walks["made"], slice(self.chunk * CHUNK, (self.chunk + 1) * CHUNK)
        self.told = build_conditions(walks["first"], walks["keys"], walks["turns"], VARIANT, self.end * CHUNK)
        self.known = range(self.chunk, self.chunk + 1)
        # the first chunk has no target
        self.truth = torch.cat([made[:, :, :CHUNK], walks["wanted"]], 2)
        self.weight = CARRIED_ANCHOR * torch.cat([walks["known"][:, :CHUNK], walks["known"]], 1)[:, None]
        self.cache = KVCache(VARIANT.window, CHUNK)
        self.cache.begin_weights()
        for chunk in range(self.chunk):
            self.cache.begin_chunk()
            self._commit(network, made[:, :, chunk * CHUNK : (chunk + 1) * CHUNK], chunk)
        self.seam = made[:, :, span.start - SEAM : span.start]

    def _step(self, chunk: int) -> Step:
        columns = torch.arange(chunk * CHUNK, (chunk + 1) * CHUNK, device=self.truth.device)
        still = torch.zeros(self.count, CHUNK, device=self.truth.device)
        return self.told.step(columns, still, cache=self.cache)

    @torch.no_grad()
    def _commit(self, network: nn.Module, made: Tensor, chunk: int) -> None:
        with mixed_precision(made.device):
            network(made, call=self._step(chunk)._replace(commit=True))

    def make(self, network: nn.Module) -> tuple[Tensor, Tensor, Goal | None]:
        """Make the next chunk.

        Returns:
            The last step's clean estimate (B, C, CHUNK, h, w) with its gradient; the window of it (B, C, WINDOW, h, w)
            without one; and what it should be, where that is known at all.
        """
        device = self.truth.device
        span = slice(self.chunk * CHUNK, (self.chunk + 1) * CHUNK)
        x = torch.randn(self.count, 16, CHUNK, *self.truth.shape[-2:], device=device)
        self.cache.begin_weights()
        self.cache.begin_chunk()
        step = self._step(self.chunk)
        wanted = torch.is_grad_enabled()
        last = len(self.levels.sigmas) - 1
        for number, (timestep, sigma) in enumerate(zip(*self.levels, strict=True)):
            timesteps = timestep.expand(self.count, CHUNK)
            with torch.set_grad_enabled(wanted and number == last), mixed_precision(device):
                velocity = network(x, call=step._replace(timesteps=timesteps)).float()
            estimate = x - sigma * velocity
            if number < last:
                level = self.levels.sigmas[number + 1]
                x = (1 - level) * estimate + level * torch.randn_like(x)
        made = estimate.detach()
        self._commit(network, made, self.chunk)
        window = torch.cat([self.seam, made], 2)
        goal = Goal(self.truth[:, :, span], self.weight[:, :, span]) if self.chunk in self.known else None
        self.seam = made[:, :, -SEAM:]
        self.chunk += 1
        return estimate, window, goal

    def true_windows(self, chunk: int) -> tuple[Tensor, Tensor]:
        """Draw as many true windows, first chunks for the first and later ones for later ones, and their actions."""
        walks = self.shards.draw(self.random, self.count, long=bool(self.random.random() < 0.5))
        end = walks["latents"].shape[2] // CHUNK
        place = 0 if chunk == 0 else int(self.random.integers(1, end))
        clip = take_clip(walks, self.mean, self.std, 0, end)
        return window_at(clip.latents, place), actions_at(clip.told, place)


def train(
    folder: Path,
    shard_folder: Path,
    minutes: float,
    rate: float,
    seed: int,
    begin_with: Path,
    own_folder: Path,
    device: torch.device | str = "cpu",
    course: Course = COURSE,
) -> Run:
    """Go on with the averaged weights of `begin_with`, in the run `folder`, for `minutes` in all.

    Args:
        begin_with: model file or run of `train_dit`.
        device: where to train.
        course: sizes of the network, length in updates, and the places whose walks are learnt from.
    """
    shards = Shards(shard_folder, device, course.only)
    shards.refresh()
    run = begin_run(folder, minutes, rate, seed, shards, begin_with, course)
    judge = Judge(3e-4, run)
    random = np.random.default_rng([29, seed, run.step])
    own = carried.OwnWalks(own_folder, device)
    own.refresh()
    rollouts = Rollouts(shards, own, random, run.extra["mean"], run.extra["std"], ROLLOUTS * course.scale)
    errors = ErrorBuffer(600 * course.scale)
    while not run.done:
        run.schedule()
        if run.step % 25 == 0:
            shards.refresh()
            own.refresh()
        figures: dict[str, float] = {}
        kind = random.random()
        if kind < CARRIED_SHARE:
            loss = carried_on(run.model, own.draw(random, CARRIED_CLIPS * course.scale), random)
            figures["carried"] = loss.item()
        elif kind < CARRIED_SHARE + FLOW_SHARE:
            clip = draw_clip(shards, random, 1.0, run.extra["mean"], run.extra["std"], course.scale)
            loss = teacher_forced(run.model, clip, errors, random, JUDGED_LEVEL)
            figures["loss"] = loss.item()
        else:
            loss = _rolled(run, judge, rollouts, errors, figures)
        if loss is not None:
            figures["norm"] = update(run, loss, 0.995)
        run.advance(figures)
    return run


def carried_on(network: nn.Module, walks: dict[str, Tensor], random: np.random.Generator) -> Tensor:
    """Return the flow-matching error of all chunks but the first, given the model's own films (see `carried`)."""
    made, wanted = walks["made"], walks["wanted"]
    chunks = carried.CHUNKS
    told = build_conditions(walks["first"], walks["keys"], walks["turns"], VARIANT, chunks * CHUNK)
    columns, mask, clean = side_by_side(0, chunks, made.device, given=1)
    error, _, _ = flow_error(network, made[:, :, :clean], wanted, told, (columns, mask), random, JUDGED_LEVEL)
    weight = (UNKNOWN + (1 - UNKNOWN) * walks["known"])[:, None]
    return (error * weight).mean() / weight.mean()


def _rolled(
    run: Run, judge: Judge, rollouts: Rollouts, errors: ErrorBuffer, figures: dict[str, float]
) -> Tensor | None:
    """Make a chunk, let the critic learn from it, and return the loss; `None` while the critic is warming up."""
    if rollouts.chunk >= rollouts.end:
        if rollouts.random.random() < AGAIN_SHARE:
            rollouts.begin_again(run.model)
        else:
            rollouts.begin(3 + int((LONGEST - 3) * min(1.0, 1.5 * run.share)))
    chunk, warming = rollouts.chunk, run.step < WARM_UP
    actions = actions_at(rollouts.told, chunk)
    with torch.set_grad_enabled(not warming):
        estimate, window, goal = rollouts.make(run.model)
    real = rollouts.true_windows(chunk)
    figures["margin"] = judge.learn(*real, window, actions, chunk == 0)
    figures["spread"] = window[:, :, SEAM:].square().mean().sqrt().item()
    if warming:
        return None
    loss = -PUSH[min(chunk, 1)] * (estimate * judge.push(window, actions, chunk)).mean()
    if goal is not None:
        errors.push(estimate - goal.truth, torch.ones(len(estimate), dtype=torch.bool, device=estimate.device))
        error = ((estimate - goal.truth).square() * goal.weight).mean()
        figures["error" if chunk == 0 else "later error"] = error.item()
        loss = loss + error
    return loss
