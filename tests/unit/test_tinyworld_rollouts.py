"""Training on the model's own rollouts: what is rolled out, what the critic sees, what moves, and on which device.

Shapes: B clips, T latents, h x w latent grid.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from tests.unit.test_tinyworld_training import GRID, TINY, Oracle, tiny_network, walks
from worldmodel.layers.cache import KVCache
from worldmodel.models.matrix_game2 import network as matrix_game2
from worldmodel.models.matrix_game2.network import MatrixGame2, Sizes
from worldmodel.tinyworld import carried, latents, train_dit, train_rollout
from worldmodel.tinyworld.run import Run
from worldmodel.tinyworld.train_rollout import CHUNK, SEAM, WINDOW, Critic, Judge, Rollouts

MEAN, STD = torch.zeros(16, 1, 1, 1), torch.ones(16, 1, 1, 1)


def shards_of(folder: Path, device: str = "cpu") -> latents.Shards:
    """Return invented walks as shards."""
    shards = latents.Shards(folder, device)
    shards.short, shards.long = (
        {name: value.to(device) for name, value in walks(4, frames).items()} for frames in (latents.SHORT, latents.LONG)
    )
    return shards


def own_walks_of(folder: Path, device: str = "cpu") -> carried.OwnWalks:
    """Return invented own walks."""
    own, random = carried.OwnWalks(folder, device), torch.Generator().manual_seed(9)
    latents = CHUNK * carried.CHUNKS
    shard = walks(4, 4 * latents - 3) | {
        "first": torch.randn(4, 16, 6, *GRID, generator=random),
        "made": torch.randn(4, 16, latents, *GRID, generator=random),
        "wanted": torch.randn(4, 16, latents - CHUNK, *GRID, generator=random),
        "known": torch.rand(4, latents - CHUNK, *GRID, generator=random),
    }
    own.shards["invented"] = {name: value.to(device) for name, value in shard.items()}
    return own


def rollouts_of(folder: Path, count: int = 3, device: str = "cpu", chunks: int = 4) -> Rollouts:
    """Return rollouts that have begun."""
    mean, std = MEAN.to(device), STD.to(device)
    own, random = own_walks_of(folder, device), np.random.default_rng(1)
    rollouts = Rollouts(shards_of(folder, device), own, random, mean, std, count)
    while rollouts.end != chunks:
        rollouts.begin(chunks)
    return rollouts


def run_of(folder: Path) -> Run:
    """Return a run as the trainer begins it."""
    torch.manual_seed(0)
    run = Run(folder, 60, tiny_network(), [])
    run.extra = {"mean": MEAN, "std": STD, **run.extra}
    return run


def test_a_network_that_knows_the_truth_rolls_it_out(tmp_path: Path) -> None:
    rollouts = rollouts_of(tmp_path)
    truth = rollouts.truth
    oracle = Oracle(truth)
    for chunk in range(min(3, rollouts.end)):
        with torch.no_grad():
            estimate, window, goal = rollouts.make(oracle)
        torch.testing.assert_close(estimate, truth[:, :, chunk * CHUNK : (chunk + 1) * CHUNK], atol=1e-4, rtol=0)
        torch.testing.assert_close(window, train_rollout.window_at(truth, chunk), atol=1e-4, rtol=0)
        assert (goal is not None) == (chunk < len(train_rollout.ANCHORS))
        if goal is not None:
            torch.testing.assert_close(goal.truth, estimate, atol=1e-4, rtol=0)
            assert (goal.weight == train_rollout.ANCHORS[chunk]).all()
    assert rollouts.chunk == 3 and window.shape == (3, 16, WINDOW, *GRID)


def test_only_the_last_step_of_the_chunk_carries_a_gradient(tmp_path: Path) -> None:
    class Counted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.calls = nn.Parameter(torch.tensor(0.1)), []

        def forward(self, x: Tensor, *_: object, call: object) -> Tensor:
            self.calls.append(torch.is_grad_enabled())
            return x * self.weight

    network = Counted()
    estimate, window, _ = rollouts_of(tmp_path).make(network)
    assert network.calls == [
        *[False] * (len(train_dit.VARIANT.steps) - 1),
        True,
        False,
    ]  # the steps, then the clean pass
    assert estimate.requires_grad and not window.requires_grad
    torch.testing.assert_close(window[:, :, SEAM:], estimate.detach())


def test_rollouts_go_on_behind_the_true_films(tmp_path: Path) -> None:
    rollouts = Rollouts(shards_of(tmp_path), own_walks_of(tmp_path), np.random.default_rng(3), MEAN, STD, 2)
    while rollouts.end * CHUNK <= 30:  # the films have 30 latents
        rollouts.begin(20)
    told = rollouts.told
    assert told.keyboard.shape[1] == told.mouse.shape[1] == rollouts.end * CHUNK
    assert told.keyboard[:, 30:].any() and told.mouse[:, 30:].any()


@pytest.mark.parametrize("chunk", range(1, carried.CHUNKS))
@torch.no_grad()
def test_rollouts_begin_again_where_an_own_film_is_known_to_go_on(tmp_path: Path, chunk: int) -> None:
    rollouts, network = rollouts_of(tmp_path), tiny_network()
    rollouts.own.draw = lambda *_: walk
    walk = {name: value[:3] for name, value in rollouts.own.shards["invented"].items()}
    while rollouts.chunk != chunk:
        rollouts.begin_again(network)
    assert torch.equal(rollouts.seam, walk["made"][:, :, chunk * CHUNK - SEAM : chunk * CHUNK])
    torch.manual_seed(1)
    estimate, window, goal = rollouts.make(network)
    asked = slice((chunk - 1) * CHUNK, chunk * CHUNK)
    assert torch.equal(goal.truth, walk["wanted"][:, :, asked])
    torch.testing.assert_close(goal.weight[:, 0], train_rollout.CARRIED_ANCHOR * walk["known"][:, asked])
    assert window.shape == (3, 16, WINDOW, *GRID)
    # it is the chunk that a rollout makes which came by the same films, all of them
    told = train_rollout.build_conditions(
        walk["first"], walk["keys"], walk["turns"], train_dit.VARIANT, CHUNK * (chunk + 1)
    )
    rollouts.told, rollouts.cache = told, KVCache(train_dit.VARIANT.window, CHUNK)
    for earlier in range(chunk):
        rollouts.cache.begin_chunk()
        rollouts._commit(network, walk["made"][:, :, earlier * CHUNK : (earlier + 1) * CHUNK], earlier)
    rollouts.chunk = chunk
    torch.manual_seed(1)
    torch.testing.assert_close(rollouts.make(network)[0], estimate)
    assert rollouts.end <= carried.CHUNKS


def test_the_critic_learns_what_is_real_and_pushes_towards_it(tmp_path: Path) -> None:
    judge = Judge(2e-3, run_of(tmp_path))
    told = torch.randn(16, train_rollout.ACTIONS)
    margins = []
    for _ in range(20):
        real, fake = torch.randn(16, 16, WINDOW, *GRID) + 1, torch.randn(16, 16, WINDOW, *GRID) - 1
        margins.append(judge.learn(real, told, fake, told, False))
    assert margins[-1] > margins[0] + 0.5
    # between the two it knows the way; where all is plainly made its slope is small
    push = judge.push((real + fake) / 2, told, 2)
    assert push.shape == (16, 16, CHUNK, *GRID) and push.mean() > 0.2
    assert push.square().mean().sqrt().item() == pytest.approx(1, rel=1e-3)
    assert all(parameter.requires_grad for parameter in judge.critic.parameters())


def test_the_critic_and_its_optimizer_resume_with_the_run(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    judge = Judge(1e-3, run)
    told, windows = torch.randn(4, train_rollout.ACTIONS), torch.randn(2, 4, 16, WINDOW, *GRID)
    judge.learn(windows[0], told, windows[1], told, True)
    run.save()
    again = Judge(1e-3, run_of(tmp_path))
    for name, value in judge.critic.state_dict().items():
        assert torch.equal(again.critic.state_dict()[name], value)
    steps = [state["step"].item() for state in again.optimizer.state_dict()["state"].values()]
    assert steps and set(steps) == {1.0}


def test_a_few_updates_run_from_the_warm_up_to_the_push(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_rollout, "WARM_UP", 1)
    run = run_of(tmp_path)
    run.optimizers = train_dit.optimizers_for(run.model, 1e-3)
    run.extra["average"] = {name: value.clone() for name, value in run.model.state_dict().items()}
    judge, rollouts, seen = Judge(1e-3, run), rollouts_of(tmp_path), set()
    errors = train_dit.ErrorBuffer(8)
    for _ in range(6):
        figures: dict[str, float] = {}
        loss = train_rollout._rolled(run, judge, rollouts, errors, figures)
        seen |= set(figures)
        assert (loss is None) == (run.step < 1)
        if loss is not None:
            before = run.model.head.head.weight.clone()
            assert np.isfinite(train_dit.update(run, loss, 0.5))
            assert not torch.equal(run.model.head.head.weight, before)
        run.step += 1
    assert {"margin", "spread", "error"} <= seen <= {"margin", "spread", "error", "later error"}
    assert errors.pushed and bool(errors.chunks.isfinite().all())  # its own errors spoil the histories of flow matching


@pytest.mark.filterwarnings("ignore:CUDA is not available")
def test_nothing_of_a_training_step_stays_behind_on_another_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # both read values, which fake tensors do not have
    monkeypatch.setattr(matrix_game2, "common_level", lambda timesteps: None)
    everything = [matrix_game2.Group((0, 10_000), ((0, 10_000),))]
    monkeypatch.setattr(matrix_game2, "groups_of", lambda mask, tokens: everything)

    # fake tensors know their device and refuse to mix two: it is how a machine without a GPU can tell
    class Deaf(train_dit.ErrorBuffer):
        def push(self, residuals: Tensor, worth: Tensor) -> None:
            # how many are worth it, fake tensors cannot tell
            assert residuals.device.type == worth.device.type == "cuda"

    with FakeTensorMode(allow_non_fake_inputs=True):
        rollouts = rollouts_of(tmp_path, device="cuda")
        with torch.device("cuda"):
            network, critic = MatrixGame2(Sizes(**TINY)), Critic()
        clip = train_dit.take_clip(
            rollouts.shards.draw(np.random.default_rng(0), 2, long=True), rollouts.mean, rollouts.std, 1, 3
        )
        errors = Deaf(8)
        errors.chunks, errors.pushed = torch.zeros(8, 16, CHUNK, *GRID, device="cuda"), 64
        assert errors.spoil(clip.latents[:, :, : 3 * CHUNK], np.random.default_rng(0)).device.type == "cuda"
        train_dit.teacher_forced(network, clip, errors, np.random.default_rng(0))
        for begin in (lambda: None, lambda: rollouts.begin_again(network)):
            begin()
            estimate, window, goal = rollouts.make(network)
            assert {one.device.type for one in (estimate, window, *goal)} == {"cuda"}
        assert train_rollout.carried_on(network, rollouts.own.draw(rollouts.random, 2), rollouts.random).is_cuda
        real, told = rollouts.true_windows(1)
        assert critic(real, told, False).device.type == "cuda"
