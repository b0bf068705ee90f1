"""Tiny World's training: it shows the network what a session will show it, and it resumes where it stopped.

Shapes: B clips, T latents, R rows of actions = frames, h x w latent grid.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from worldmodel.binding.bind import bind_track
from worldmodel.families.begin import begin
from worldmodel.layers.cache import KVCache
from worldmodel.models.matrix_game2 import tokens
from worldmodel.models.matrix_game2.conditions import chunk_step, image_condition_at
from worldmodel.models.matrix_game2.network import MatrixGame2, Sizes, Step
from worldmodel.rollout.sampling import warped_steps
from worldmodel.rollout.session import bare
from worldmodel.tinyworld import latents, pilot, player, run, train_dit, train_vae
from worldmodel.tinyworld.scene import clips
from worldmodel.track.track import Track
from worldmodel.vae.tiny import TinyVAE, initialise
from worldmodel.world.state import Chunk, Controls, RecordedNoise, Start, new_world

VARIANT, CHUNK, GRID = train_dit.VARIANT, train_dit.CHUNK, (4, 6)
TINY: dict[str, Any] = {
    **train_dit.SIZES, "dim": 48, "heads": 2, "ffn_dim": 48, "freq_dim": 32, "layers": 2, "keyboard_width": 6,
    "action_heads": 1, "action_blocks": (0,),
}  # fmt: skip


def tiny_network() -> MatrixGame2:
    """Return a small network whose every branch acts."""
    torch.manual_seed(5)
    return MatrixGame2(Sizes(**TINY))


def tiny_vae() -> TinyVAE:
    """Return a small VAE whose every branch acts."""
    torch.manual_seed(6)
    return TinyVAE((8, 8, 8), (8, 8, 8)).eval()


def walks(count: int = 2, frames: int = latents.LONG) -> dict[str, Tensor]:
    """Return what a shard holds, with invented latents."""
    generator = torch.Generator().manual_seed(7)
    actions = pilot.random_actions(np.random.default_rng(7), count, frames)
    return {
        "latents": torch.randn(count, 16, (frames + 3) // 4, *GRID, generator=generator),
        "tail": torch.randn(count, 16, latents.TAIL, *GRID, generator=generator),
        "keys": actions.keys,
        "turns": actions.turns.float(),
    }


def clip_at(first: int, count: int = 2, chunks: int = 3) -> train_dit.Clip:
    """Return clips of some chunks that begin at chunk `first`."""
    return train_dit.take_clip(walks(count), torch.zeros(16, 1, 1, 1), torch.ones(16, 1, 1, 1), first, chunks)


# ---- what the network is shown ----


@pytest.mark.parametrize("first", [0, 1, 3, 7])
def test_the_trainer_cuts_conditions_as_a_session_does(first: int) -> None:
    shard, (mean, std) = walks(), torch.randn(2, 16, 1, 1, 1).exp().unbind(0)
    clip = train_dit.take_clip(shard, mean, std, first, 3)
    image = (torch.cat([shard["latents"][:, :, :1], shard["tail"]], 2) - mean) / std
    mask = torch.zeros_like(image[:, :4])
    mask[:, :, 0] = 1
    for walk in range(2):
        mouse = torch.stack([shard["turns"][walk], torch.zeros(latents.LONG)], 1)  # yaw, pitch in degrees
        track = Track(pilot.WORDS, shard["keys"][walk], mouse)
        bound = bind_track(track, VARIANT).controls
        condition = torch.cat([mask[walk], image[walk]])
        start = Start("tiny_world_2", "tiny_world", condition, tokens.patch_context(image[walk, :, 0]))
        torch.testing.assert_close(clip.told.context[walk], start.visual_context)
        before = None
        for index in range(first + 3):
            rows = slice(VARIANT.chunking.first_frame(index), VARIANT.chunking.first_frame(index + 1))
            controls = Controls(bound.keyboard[rows], bound.mouse[rows])
            theirs = chunk_step(VARIANT, start, before, controls, index, torch.device("cpu"))
            before = Chunk(torch.empty(0), controls)
            ours = clip.told.step(theirs.positions, torch.zeros(2, CHUNK))
            assert torch.equal(ours.keyboard[walk], theirs.keyboard[0])
            torch.testing.assert_close(ours.mouse[walk], theirs.mouse[0], atol=1e-6, rtol=0)
            torch.testing.assert_close(ours.image_condition[walk], theirs.image_condition[0], atol=1e-6, rtol=0)
            assert torch.equal(ours.positions, theirs.positions)
    assert ours.keyboard.shape == (2, CHUNK, 12, 4) and ours.keyboard.any() and ours.mouse.any()
    torch.testing.assert_close(clip.latents, ((shard["latents"] - mean) / std)[:, :, : (first + 3) * CHUNK])


@torch.no_grad()
def test_the_image_condition_is_the_start_frame_and_then_grey() -> None:
    vae, pixels = tiny_vae(), clips.held_out(2, 9)[:, :, :, :32, :48]
    codes, tail = latents.encode_walks(vae, pixels)
    assert codes.shape == (2, 16, 3, 4, 6) and tail.shape == (2, 16, latents.TAIL, 4, 6)
    torch.testing.assert_close(codes, vae.encode(pixels), atol=1e-5, rtol=0)
    grey = torch.cat([pixels[:, :, :1], torch.zeros(2, 3, 40, 32, 48)], 2)
    whole = vae.encode(grey)
    known = torch.cat([codes[:, :, :1], tail], 2)
    for walk in range(2):
        # the last latent stands for all later ones: the encoder has forgotten the picture by then
        told = image_condition_at(known[walk], torch.arange(11))
        torch.testing.assert_close(told, whole[walk], atol=1e-5, rtol=0)
    assert (tail[:, :, -2] - tail[:, :, -1]).abs().max() > 1e-6  # and not before
    torch.testing.assert_close(player.encode_start(vae, pixels[:, :, 0]), known, atol=1e-5, rtol=0)


def test_the_image_context_holds_every_patch_with_its_own_place() -> None:
    latent = torch.randn(16, 8, 12)
    context = tokens.patch_context(latent)
    assert context.shape == (24, 128)
    patches = torch.nn.functional.unfold(latent[None], 2, stride=2)[0].T
    assert torch.equal(context[:, :64].sort(1).values, patches.sort(1).values)
    places = context[:, 64:]
    assert torch.equal(places, tokens.patch_context(torch.zeros(16, 8, 12))[:, 64:])
    assert (torch.cdist(places, places) + 10 * torch.eye(24)).min() > 0.1


@pytest.mark.parametrize(("first", "chunks"), [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (4, 3), (0, 5), (2, 6)])
def test_a_noisy_chunk_sees_itself_and_the_clean_chunks_before(first: int, chunks: int) -> None:
    columns, mask, clean = train_dit.side_by_side(first, chunks)
    assert columns[:clean].tolist() == list(range(first * CHUNK, (first + chunks - 1) * CHUNK))
    begins = first if first == 0 else first + 1  # nothing to learn where the history is missing
    assert columns[clean:].tolist() == list(range(begins * CHUNK, (first + chunks) * CHUNK))
    places = [(int(column) // CHUNK, index >= clean) for index, column in enumerate(columns)]
    assert mask.shape == (len(columns), len(columns)) and mask.dtype == torch.bool
    for row, (chunk, noisy) in enumerate(places):
        before = {(other, False) for other in range(max(first, chunk - train_dit.REMEMBERED), chunk)}
        assert mask[row].tolist() == [place in {(chunk, noisy)} | before for place in places]


@pytest.mark.parametrize("first", [0, 2])
@torch.no_grad()
def test_the_masked_sequence_is_what_cached_passes_see(first: int) -> None:
    network, clip = tiny_network(), clip_at(first)
    columns, mask, clean = train_dit.side_by_side(first, 3)
    noisy = torch.randn(2, 16, len(columns) - clean, *GRID)
    timesteps = torch.cat([torch.zeros(2, clean), torch.rand(2, len(columns) - clean) * 1000], 1)
    x = torch.cat([clip.latents[:, :, columns[:clean]], noisy], 2)
    whole = network(x, call=clip.told.step(columns, timesteps, mask=mask))
    cache = KVCache(VARIANT.window, CHUNK)
    for chunk in range(first, first + 3):
        cache.begin_chunk()
        at = torch.arange(chunk * CHUNK, (chunk + 1) * CHUNK)
        here = clean + torch.nonzero(torch.isin(columns[clean:], at))[:, 0]
        if len(here):
            step = clip.told.step(at, timesteps[:, here], cache=cache)
            alone = network(x[:, :, here], call=step)
            torch.testing.assert_close(alone, whole[:, :, here], atol=1e-5, rtol=0)
        step = clip.told.step(at, torch.zeros(2, CHUNK), cache=cache, commit=True)
        network(clip.latents[:, :, at], call=step)


@torch.no_grad()
def test_the_player_of_batches_plays_what_a_session_plays() -> None:
    network, vae = tiny_network().eval(), tiny_vae()
    mean, std = torch.randn(2, 16, 1, 1, 1).exp().unbind(0)
    first, chunks, seed = (clips.held_out(2, 2)[:, :, 0, :32, :48] + 1) / 2, 3, 4
    shard = walks(2, 40)
    actions = pilot.Actions(shard["keys"], shard["turns"].double())
    film = player.Player(network, vae, mean, std).play(first, actions, chunks, seed)
    steps, generator = len(VARIANT.steps), torch.Generator().manual_seed(seed)
    draws = [torch.randn(2, 16, CHUNK, *GRID, generator=generator) for _ in range(steps * chunks)]
    image = (player.encode_start(vae, first * 2 - 1) - mean) / std
    mask = torch.zeros_like(image[:, :4])
    mask[:, :, 0] = 1
    for walk in range(2):
        mine = [draw[walk] for draw in draws]
        begins = range(0, len(mine), steps)
        renoise = torch.stack(
            [torch.stack([one.transpose(0, 1) for one in mine[at + 1 : at + steps]]) for at in begins]
        )
        noise = RecordedNoise(torch.cat(mine[::steps], 1), renoise)
        context = tokens.patch_context(image[walk, :, 0])
        start = Start("tiny_world_2", "tiny_world", torch.cat([mask[walk], image[walk]]), context, noise)
        session = begin(new_world(start), bare(network))
        mouse = torch.stack([shard["turns"][walk], torch.zeros(40)], 1)
        bound = bind_track(Track(pilot.WORDS, shard["keys"][walk], mouse), VARIANT).controls
        for index in range(chunks):
            rows = slice(VARIANT.chunking.first_frame(index), VARIANT.chunking.first_frame(index + 1))
            session.step(Controls(bound.keyboard[rows], bound.mouse[rows]), 0)
        codes = torch.cat([chunk.latents for chunk in session.world.chunks], 1)[None] * std + mean
        torch.testing.assert_close(film[walk], (vae.decode(codes)[0] + 1) / 2, atol=1e-3, rtol=0)


# ---- what it learns ----


class Oracle(nn.Module):
    """A network that knows the truth, up to a constant error."""

    def __init__(self, truth: Tensor, error: float = 0.0) -> None:
        super().__init__()
        self.truth, self.error = truth, error

    def forward(self, x: Tensor, call: Step) -> Tensor:
        """Return the velocity from the truth to x."""
        sigma = (call.timesteps / 1000)[:, None, :, None, None]
        return (x - self.truth[:, :, call.positions]) / sigma.clamp_min(1e-6) + self.error


@pytest.mark.parametrize("first", [0, 2])
def test_a_network_that_knows_the_truth_has_nothing_to_learn(first: int) -> None:
    clip, errors = clip_at(first, 4), train_dit.ErrorBuffer()
    torch.manual_seed(0)
    oracle = Oracle(clip.latents)
    for seed in range(4):
        assert train_dit.teacher_forced(oracle, clip, errors, np.random.default_rng(seed)) < 1e-4
    assert errors.pushed > 4
    assert errors.chunks.abs().max() < 1e-4  # no error is learnt from where none was made


def test_an_error_is_measured_and_remembered_as_large_as_it_is() -> None:
    clip, errors = clip_at(0, 4), train_dit.ErrorBuffer()
    oracle = Oracle(clip.latents, error=0.5)
    loss = train_dit.teacher_forced(oracle, clip, errors, np.random.default_rng(1))
    assert loss.item() == pytest.approx(0.25, abs=1e-3)
    # the clean estimate is off by the level times the error, and levels from 0.3 to 0.75 are kept
    for residual in errors.chunks[: errors.pushed]:
        assert residual.shape == (16, CHUNK, *GRID) and residual.std() < 1e-4
        assert -0.75 * 0.5 < residual.mean() < -0.3 * 0.5


def test_the_loss_teaches_the_whole_network() -> None:
    network = tiny_network()
    value = train_dit.teacher_forced(network, clip_at(0), train_dit.ErrorBuffer(), np.random.default_rng(0))
    value.backward()
    assert bool(value.isfinite())
    taught = [name for name, weight in network.named_parameters() if weight.grad is not None and weight.grad.any()]
    for name in ("patch_embedding", "img_emb", "head.head", "keyboard_embed", "mouse_mlp", "proj_mouse", "ffn"):
        assert any(name in one for one in taught), name


def test_spoilt_histories_carry_the_models_errors_and_the_newest_are_kept() -> None:
    errors, random = train_dit.ErrorBuffer(size=80), np.random.default_rng(0)
    clean = torch.zeros(200, 16, 2 * CHUNK, *GRID)
    errors.push(torch.full((50, 16, CHUNK, *GRID), 9.0), torch.ones(50, dtype=torch.bool))
    assert torch.equal(errors.spoil(clean, random), clean)  # too few to draw from
    errors.push(torch.ones(90, 16, CHUNK, *GRID), torch.arange(90) >= 10)
    assert len(errors.chunks) == 80 and bool((errors.chunks == 1).all())
    strength = errors.spoil(clean, random)[:, 0, :, 0, 0]
    assert torch.equal(strength, strength[:, :1].expand_as(strength))
    assert 0.7 < (strength[:, 0] > 0).float().mean() < 0.9 and 1.2 < strength.max() <= 1.5


def test_most_noise_levels_are_the_variants_own() -> None:
    sigma = train_dit.draw_sigmas(np.random.default_rng(0), (500, 3))
    own = torch.isclose(sigma[..., None], warped_steps(VARIANT.steps, VARIANT.shift).sigmas).any(-1)
    assert sigma.shape == (500, 3) and sigma.min() >= 0 and sigma.max() <= 1
    assert 0.5 < own.float().mean() < 0.7 and sigma.min() < 0.3


def test_no_level_is_drawn_below_the_one_asked_for() -> None:
    sigma = train_dit.draw_sigmas(np.random.default_rng(0), (500, 3), least=0.75)
    assert sigma.min() > 0.75 and sigma.max() <= 1
    assert {level for level in sigma.flatten().tolist() if (sigma == level).sum() > 100} == {
        level for level in train_dit.OWN_LEVELS if level > 0.75
    }


def test_a_fresh_network_says_nothing_and_has_the_shipped_size() -> None:
    network, clip = train_dit.build_network(1), clip_at(0, 1)
    at = torch.arange(CHUNK)
    with torch.no_grad():
        step = clip.told.step(at, torch.full((1, CHUNK), 500.0))
        assert not network(clip.latents[:, :, at], call=step).any()
    matrices, others = train_dit.optimizers_for(network, 1e-3)
    counts = [sum(p.numel() for group in one.param_groups for p in group["params"]) for one in (matrices, others)]
    assert sum(counts) == sum(p.numel() for p in network.parameters() if p.requires_grad) < 12e6 and min(counts) > 0


# ---- what it learns from ----


def test_clips_begin_at_the_start_or_behind_a_chunk_of_history(tmp_path: Path) -> None:
    shards = latents.Shards(tmp_path)
    shards.short, shards.long = walks(3, latents.SHORT), {}
    random, one = np.random.default_rng(0), torch.ones(16, 1, 1, 1)
    assert {train_dit.draw_clip(shards, random, 0.5, 0 * one, one).first for _ in range(12)} == {0}
    shards.long = walks(1, latents.LONG)
    seen = set()
    for number in range(60):
        clip = train_dit.draw_clip(shards, random, number / 60, 0 * one, one)
        assert len(clip.latents) == train_dit.CLIP_SIZES[train_dit.FROM_MIDDLE if clip.first else train_dit.FROM_START]
        assert clip.latents.shape[2] == clip.told.keyboard.shape[1] == (clip.first + clip.chunks) * CHUNK <= 30
        assert clip.first == 0 or clip.chunks > train_dit.REMEMBERED + 1  # what is taught sees all that play would
        seen |= {(clip.first == 0, clip.chunks)}
    # a walk of three chunks is shorter than what a clip from the start would have
    assert seen == {(True, 3), (True, train_dit.FROM_START), (False, train_dit.FROM_MIDDLE)}


# ---- how it goes on ----


def small_run(folder: Path, minutes: float = 60.0) -> run.Run:
    """Begin, or go on with, a run of a module of 4 x 3 weights."""
    torch.manual_seed(0)
    model = nn.Linear(3, 4)
    return run.Run(folder, minutes, model, [torch.optim.AdamW(model.parameters(), lr=0.1)])


def advance(one: run.Run, steps: int) -> None:
    """Train on data that depends on the step only."""
    for _ in range(steps):
        one.schedule()
        x = torch.randn(8, 3, generator=torch.Generator().manual_seed(one.step))
        loss = (one.model(x) - x.sum(1, keepdim=True)).square().mean()
        loss.backward()
        one.optimizers[0].step()
        one.optimizers[0].zero_grad()
        one.advance({"loss": loss.item()}, every=5)


def test_a_run_resumes_at_the_step_it_saved(tmp_path: Path) -> None:
    through, stopped = small_run(tmp_path / "a"), small_run(tmp_path / "b")
    advance(through, 12)
    advance(stopped, 7)
    stopped.extra["mean"] = torch.tensor([1.5])
    stopped.save()
    advance(stopped, 3)  # lost: the process ends here
    resumed = small_run(tmp_path / "b")
    assert resumed.step == 7 and resumed.extra["mean"].item() == 1.5 and 0 < resumed.seconds <= stopped.seconds
    advance(resumed, 5)
    assert resumed.step == 12
    # only the clock may differ: it moves the learning rate a little
    torch.testing.assert_close(resumed.model.weight, through.model.weight, atol=1e-4, rtol=0)
    assert not (tmp_path / "b" / "state.tmp").exists()


def test_a_run_ends_with_its_minutes_over_all_resumptions(tmp_path: Path) -> None:
    first = small_run(tmp_path, minutes=60)
    advance(first, 1)
    first.seconds = 59 * 60.0
    first.save()
    resumed = small_run(tmp_path, minutes=60)
    assert not resumed.done and resumed.share == pytest.approx(59 / 60)
    resumed.step = 100
    assert resumed.schedule() < 0.025 and resumed.optimizers[0].param_groups[0]["lr"] < 0.0025
    resumed.seconds = 61 * 60.0
    assert resumed.done and resumed.share == 1


def test_the_rate_warms_up_and_falls(tmp_path: Path) -> None:
    one = small_run(tmp_path)
    assert one.schedule() == pytest.approx(1 / 50)
    one.step, factors = 60, []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        one.seconds = share * 3600
        factors.append(one.schedule())
        assert one.optimizers[0].param_groups[0]["lr"] == pytest.approx(0.1 * factors[-1])
    assert factors[0] == pytest.approx(1) and factors[-1] == pytest.approx(0.02)
    assert factors == sorted(factors, reverse=True)


def test_the_log_tells_the_mean_of_the_steps_that_have_a_figure(tmp_path: Path) -> None:
    one = small_run(tmp_path)
    for step in range(10):
        one.advance({"own": 3.0} if step % 5 == 0 else {"loss": 1.0}, every=10)
    one.advance({"loss": 1.0}, every=1)
    lines = [run.json.loads(line) for line in (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert lines[0]["own"] == 3.0 and lines[0]["loss"] == 1.0 and lines[0]["step"] == 10
    assert "own" not in lines[1] and lines[1]["step"] == 11


def test_muon_updates_the_kernels_themselves_also_after_resuming(tmp_path: Path) -> None:
    def begin() -> run.Run:
        vae = TinyVAE((8, 8, 8), (8, 8, 8)).to(memory_format=torch.channels_last)
        initialise(vae, 2)
        return run.Run(tmp_path, 60, vae, train_vae.optimizers_for(vae, 1e-2))

    def step(one: run.Run) -> dict[str, Tensor]:
        x = clips.held_out(1, 5)[..., :16, :16]
        (one.model.decode(one.model.encode(x)) - x).square().mean().backward()
        for optimizer in one.optimizers:
            optimizer.step()
        one.model.zero_grad(set_to_none=True)
        return {name: value.clone() for name, value in one.model.state_dict().items()}

    first = begin()
    before = {name: value.clone() for name, value in first.model.state_dict().items()}
    step(first)
    second = step(first)
    assert all(not torch.equal(before[name], second[name]) for name in before if name.endswith("weight"))
    first.save()
    third, resumed = step(first), begin()
    for name, value in step(resumed).items():
        torch.testing.assert_close(value, third[name], atol=1e-6, rtol=0)


def test_a_few_steps_of_the_vae_learn(tmp_path: Path) -> None:
    vae = TinyVAE((8, 8, 8), (8, 8, 8)).to(memory_format=torch.channels_last)
    initialise(vae, 2)
    optimizers, x = train_vae.optimizers_for(vae, 1e-2), clips.held_out(2, 5)[..., :32, :32]
    losses = []
    for _ in range(12):
        error = vae.decode(vae.encode(x)) - x
        losses.append(error.square().mean())
        losses[-1].backward()
        for optimizer in optimizers:
            optimizer.step()
        vae.zero_grad(set_to_none=True)
    assert losses[-1] < 0.5 * losses[0]
