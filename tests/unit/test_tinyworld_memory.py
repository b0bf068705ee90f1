"""The form with memory: what its trainer and its player show the network is what a session shows it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from worldmodel.binding.bind import bind_track, chunk_controls
from worldmodel.checkpoints.recognise import read_metadata
from worldmodel.families.begin import begin
from worldmodel.families.matrix_game3 import make_call
from worldmodel.models.matrix_game3.conditions import Call
from worldmodel.models.matrix_game3.network import MatrixGame3
from worldmodel.reading.safetensors_files import load_safetensors
from worldmodel.rollout.contexts import About
from worldmodel.rollout.memory_context import MemoryContext
from worldmodel.rollout.session import bare
from worldmodel.tinyworld import pilot
from worldmodel.tinyworld.evaluate import loops, rows, suites
from worldmodel.tinyworld.export import export_model, open_player
from worldmodel.tinyworld.player import load_player
from worldmodel.tinyworld.remember import ablate, clips, form, train
from worldmodel.tinyworld.remember.errors import ErrorBuffer
from worldmodel.tinyworld.remember.player import MemoryPlayer, way_of
from worldmodel.tinyworld.scene import engine
from worldmodel.track.track import Track
from worldmodel.vae.tiny import TinyVAE, initialise
from worldmodel.world.state import Chunk, RecordedNoise, Start, World, new_world

CHUNKS, GRID = 5, (4, 6)
FRAMES = form.SPANS.end(CHUNKS - 1)
LATENTS = form.SPANS.latent_of(FRAMES - 1) + 1
SMALL = form.SIZES._replace(dim=48, heads=2, ffn_dim=96, layers=2, action_blocks=(0,), action_heads=1)


def small_network(seed: int = 0) -> MatrixGame3:
    torch.manual_seed(seed)
    return MatrixGame3(SMALL).eval()


def actions_of(walks: int, seed: int = 3) -> pilot.Actions:
    """Return actions with turns in whole thousandths, as a track writes them, and a way back."""
    there = pilot.random_actions(np.random.default_rng(seed), walks, FRAMES // 2)
    keys, turns = pilot.there_and_back(pilot.Actions(there.keys, (there.turns * 1000).round() / 1000))
    missing = FRAMES - keys.shape[1]
    return pilot.Actions(torch.cat([keys, keys[:, :missing] * 0], 1), torch.cat([turns, turns[:, :missing] * 0], 1))


def bound(actions: pilot.Actions, walk: int) -> list:
    """Return the controls of each chunk, as the nodes make them of a track."""
    mouse = torch.stack([actions.turns[walk].float(), torch.zeros(FRAMES)], 1)
    track = Track(pilot.WORDS, actions.keys[walk], mouse)
    pieces, left = chunk_controls(bind_track(track, form.VARIANT).controls, 0, form.VARIANT)
    assert left == 0 and len(pieces) == CHUNKS
    return pieces


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of made-up walks with the plans that belong to their ways."""
    folder, actions = tmp_path_factory.mktemp("loops"), actions_of(3)
    way = way_of(actions)
    looks = [form.planned(way.places[walk], way.yaws[walk], CHUNKS) for walk in range(3)]
    save_file(
        {
            "latents": torch.randn(3, 16, LATENTS, *GRID, generator=torch.Generator().manual_seed(1)).half(),
            "keys": actions.keys.byte(),
            "turns": actions.turns.float(),
            "poses": torch.cat([way.places, way.yaws[..., None]], -1)[:, :FRAMES].contiguous(),
            "looks": torch.from_numpy(np.stack(looks)),
            "seeds": torch.arange(3),
        },
        folder / "000_00000.safetensors",
    )
    return folder


def supply(shards: Path, remembers: clips.Remembers = "retrieved") -> clips.Clips:
    made = clips.Clips(shards, remembers, torch.zeros(16, 1, 1, 1), torch.ones(16, 1, 1, 1))
    made.refresh()
    return made


def clip_that_remembers(shards: Path, batch: int) -> clips.Clip:
    made, random = supply(shards), np.random.default_rng(3)
    return next(clip for _ in range(99) if (clip := made.draw(random, batch)).memory is not None)


def world_of(latents: Tensor, pieces: list) -> World:
    """Return a world whose film is known."""
    begins = [form.VARIANT.chunking.first_latent(index) for index in range(CHUNKS + 1)]
    chunks = [Chunk(latents[:, a:b], told, 0, "") for a, b, told in zip(begins, begins[1:], pieces, strict=False)]
    start = Start(form.VARIANT.name, "tiny_world", latents[:, :1])
    return new_world(start)._replace(chunks=tuple(chunks))


# ---- what the network is shown ----


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_the_trainer_shows_a_chunk_what_a_session_shows_it(shards: Path, chunk: int) -> None:
    made = supply(shards)
    actions, walks = actions_of(3), made.loops.walks
    count = int(made.counts[:, chunk].min())
    rows = torch.arange(3)
    clip = made.cut(rows, torch.full((3,), chunk), walks["looks"][:, chunk, :count].long())
    ours = form.call_of(clip.window, clip.past, clip.memory)
    assert count == (0, 4, 5, 5, 5)[chunk]  # the first chunks have a short past
    for walk in range(3):
        pieces = bound(actions, walk)
        world = world_of(walks["latents"][walk].float(), pieces)
        context = MemoryContext(About(world.start, form.VARIANT, tuple(form.CORRECTED)), make_call)
        theirs = context.gather(world, pieces[chunk], chunk)
        assert torch.equal(ours.positions[walk], theirs.positions)
        for name in ("past", "memory", "keyboard", "mouse", "rays"):
            one, other = getattr(ours, name), getattr(theirs, name)
            if other is None:
                assert one is None
                continue
            torch.testing.assert_close(one[walk], other[0], atol=2e-5, rtol=0)
        begin = form.VARIANT.chunking.first_latent(chunk) + (chunk == 0)
        truth = walks["latents"][walk, :, begin : begin + clip.truth.shape[2]].float()
        assert clip.truth.shape[2] == form.NEW and torch.equal(clip.truth[walk], truth)


@torch.no_grad()
def test_clips_with_positions_of_their_own_go_through_the_network_together(shards: Path) -> None:
    network, made = small_network(), supply(shards)
    looks = made.loops.walks["looks"][torch.arange(3), torch.tensor([2, 3, 4])].long()
    clip = made.cut(torch.arange(3), torch.tensor([2, 3, 4]), looks)
    call = form.call_of(clip.window, clip.past, clip.memory).at(500.0)
    together = network(clip.truth, call=call)
    for row in range(3):
        alone = Call(*(part[row : row + 1] if isinstance(part, Tensor) else part for part in call))
        alone = alone._replace(positions=call.positions[row])
        torch.testing.assert_close(together[row], network(clip.truth[row : row + 1], call=alone)[0], atol=1e-5, rtol=0)


@torch.no_grad()
def test_the_player_of_batches_plays_what_a_session_plays() -> None:
    network, seed = small_network(), 4
    vae = TinyVAE()
    initialise(vae, 1)
    mean, std = torch.randn(2, 16, 1, 1, 1).exp().unbind(0)
    player = MemoryPlayer(network, vae.eval(), mean, std, form.VARIANT)
    image, actions = player.see(torch.rand(2, 3, 32, 48), CHUNKS), actions_of(2)
    made = torch.cat(list(player.roll_latents(image, actions, CHUNKS, seed)), 2)
    generator = torch.Generator().manual_seed(seed)
    draws = [torch.randn(2, 16, form.NEW, *GRID, generator=generator) for _ in range(CHUNKS)]
    for walk in range(2):
        drawn = torch.cat([draw[walk] for draw in draws], 1)
        noise = RecordedNoise(drawn, torch.zeros(CHUNKS, 2, form.NEW, 16, *GRID))
        session = begin(new_world(Start(form.VARIANT.name, "tiny_world", image[walk], noise=noise)), bare(network))
        for told in bound(actions, walk):
            session.step(told, 0)
        theirs = torch.cat([chunk.latents for chunk in session.world.chunks], 1)
        torch.testing.assert_close(made[walk], theirs, atol=1e-4, rtol=0)
    without = torch.cat(list(player.looking_at("nothing").roll_latents(image, actions, CHUNKS, seed)), 2)
    assert torch.equal(without[:, :, :7], made[:, :, :7]) and not torch.allclose(without[:, :, 7:], made[:, :, 7:])


def test_a_way_without_walls_is_the_one_that_is_walked() -> None:
    places = engine.build([20_000])
    open_world = places._replace(cells=torch.zeros_like(places.cells))
    actions = actions_of(1)
    start = torch.tensor([[14.0, 14.0]]), torch.zeros(1)
    walked = pilot.play(open_world, torch.zeros(1, dtype=torch.long), start, actions)
    way = way_of(actions)
    torch.testing.assert_close(way.places + start[0], walked.places)
    torch.testing.assert_close(way.yaws, walked.yaws)


# ---- what it learns ----


class Oracle(torch.nn.Module):
    """A network that knows the truth, up to a constant error."""

    def __init__(self, truth: Tensor, error: float = 0.0) -> None:
        super().__init__()
        self.truth, self.error = truth, error

    def forward(self, x: Tensor, call: Call) -> Tensor:
        """Return the velocity from the truth to x."""
        sigma = (call.timesteps[:, -1] / 1000)[:, None, None, None, None]
        return (x - self.truth) / sigma + self.error


def test_an_error_is_measured_and_remembered_as_large_as_it_is(shards: Path) -> None:
    errors, made, random = ErrorBuffer(), supply(shards), np.random.default_rng(0)
    for _ in range(8):
        clip = made.draw(random, 12)
        error, residual, sigma = train.flow_error(Oracle(clip.truth, 0.5), clip, random)
        # the sampler's timesteps are whole numbers, its levels are not
        assert error.mean().item() == pytest.approx(0.25, rel=0.02)
        errors.push(residual, sigma)
    kept = errors.chunks[: errors.pushed]
    assert 16 < errors.pushed < 96 and kept.shape[1:] == (16, form.NEW, *GRID)
    means = kept.mean((1, 2, 3, 4))
    assert ((means > -0.75 * 0.52) & (means < -0.3 * 0.48)).all()


def test_errors_spoil_memory_and_past_and_nothing_else(shards: Path) -> None:
    clip, errors, random = clip_that_remembers(shards, 40), ErrorBuffer(70), np.random.default_rng(1)
    assert errors.spoil(clip.past, clip.memory, random) == (clip.past, clip.memory)  # none are known yet
    residuals = torch.arange(1.0, 91)[:, None, None, None, None].expand(90, 16, form.NEW, *GRID)
    errors.push(residuals, torch.full((90,), 0.5))
    errors.push(residuals, torch.full((90,), 0.9))  # too noisy to tell
    assert errors.pushed == 70 and errors.chunks.min() == 21
    past, memory = errors.spoil(clip.past, clip.memory, random)
    for spoilt, clean in ((past, clip.past), (memory, clip.memory)):
        change = (spoilt - clean).mean((1, 3, 4))  # (B, latents)
        share = (change != 0).any(1).float().mean()
        assert 0.6 < share < 0.97 and 0 <= change.min() and change.max() < 1.5 * 91
    changes = (memory - clip.memory).mean((1, 3, 4))
    assert (changes.std(1) > 1).float().mean() > 0.5  # each memory has an error of its own


@pytest.mark.parametrize("remembers", clips.REMEMBERS)
def test_a_twin_sees_what_it_is_to_see(shards: Path, remembers: clips.Remembers) -> None:
    made, random = supply(shards, remembers), np.random.default_rng(5)
    later = [clip for _ in range(12) if int((clip := made.draw(random, 8)).window.first.max())]
    seen = [0 if clip.memory is None else clip.memory.shape[2] for clip in later]
    assert max(seen) == (0 if remembers == "nothing" else form.SLOTS)
    chosen = same = 0
    for clip in later:
        for first, looks in zip(clip.window.first, clip.window.looks, strict=True):
            assert (looks >= 1).all() and (looks < first).all()
            chunk = 1 + (int(first) + form.PAST - 7) // form.NEW
            planned = made.loops.walks["looks"][:, chunk, :, 0]
            chosen += 1
            same += bool((planned == torch.cat([looks, planned[0, len(looks) :]])).all(1).any()) if len(looks) else 0
    if remembers != "nothing":
        assert (same > chosen / 2) == (remembers == "retrieved")


def test_the_loss_teaches_the_whole_network(shards: Path) -> None:
    network = train.build_network(0)
    with torch.no_grad():  # what begins at zero lets nothing through to what lies before it
        for weight in network.parameters():
            if not weight.any():
                weight.normal_(std=0.02)
    clip = clip_that_remembers(shards, 2)
    train.flow_error(network, clip, np.random.default_rng(0))[0].mean().backward()
    untaught = [name for name, weight in network.named_parameters() if weight.requires_grad and weight.grad is None]
    assert not untaught
    still = {name for name, weight in network.named_parameters() if weight.requires_grad and not weight.grad.any()}
    # nothing is said, so that the words' first layer reads zeros, and one word leaves nothing to choose
    assert all("text_embedding.0.weight" in name or "cross_attn" in name for name in still), still


def test_a_run_resumes_is_exported_and_plays(shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "SIZES", SMALL)
    monkeypatch.setattr(train, "BATCH", 2)
    for updates in (2, 3):
        recipe = train.Recipe("nothing", updates=updates)
        run = train.train(tmp_path / "run", shards, 0.0, 1e-3, 0, recipe=recipe)
        assert run.step == updates
    assert open_player(tmp_path / "run").remembers == "nothing"
    path = tmp_path / "model.safetensors"
    export_model(tmp_path / "run", {}, path)
    about = read_metadata(load_safetensors(path)[1])
    assert about["variant"] == form.VARIANT.name and about["latent_format"] == "tiny_world"
    player = load_player(path)
    assert isinstance(player, MemoryPlayer) and player.remembers == "retrieved"
    film = player.play(torch.rand(1, 3, 64, 96), pilot.hold(("forward",), 1.5, 1, 49), chunks=2, seed=0)
    assert film.shape == (1, 3, 49, 64, 96) and film.isfinite().all()


def test_weights_of_the_other_form_are_taken_over_where_they_fit() -> None:
    network, weights = train.build_network(0), load_player().network.state_dict()
    taken = train.taken_over(network, weights)
    own = network.state_dict()
    assert torch.equal(own["patch_embedding.weight"], weights["patch_embedding.weight"][:, :16])
    assert torch.equal(own["blocks.3.self_attn.q.weight"], weights["blocks.3.self_attn.q.weight"])
    missing = {name.split(".")[-2] for name in own if name not in taken}
    assert missing <= {
        "patch_embedding_wancamctrl", "c2ws_hidden_states_layer1", "c2ws_hidden_states_layer2", "cam_injector_layer1",
        "cam_injector_layer2", "cam_scale_layer", "cam_shift_layer", "0", "2",
    } and {name.split(".")[0] for name in own if name not in taken} <= {
        "patch_embedding_wancamctrl", "c2ws_hidden_states_layer1", "c2ws_hidden_states_layer2", "blocks",
        "text_embedding",
    }  # fmt: skip


# ---- what it is judged by ----


class Remembering(MemoryPlayer):
    """A player that rolls out known latents."""

    film: Tensor

    def roll_latents(self, image: Tensor, actions: pilot.Actions, chunks: int, *_: object, **__: object) -> Iterator:
        """Yield what it knows, as long as it is asked to."""
        yield self.film[:, :, : form.VARIANT.chunking.first_latent(chunks)]


def test_a_loop_is_judged_when_it_is_home_for_good_and_by_the_frames_it_shows_then() -> None:
    tracks, back = loops.by_return(suites.load("levels")["loops"].part(slice(0, 3)), 3)
    assert len(back) and (back.diff() >= 0).all() and back.min() >= loops.RETURNS[0]
    _, walks = tracks.walk()
    for walk, frame in enumerate(back.tolist()):
        away = (walks.places[walk] - walks.places[walk, 0]).norm(dim=-1)
        assert (away[frame:] <= loops.NEAR).all() and len(away) == suites.LOOP + 1
    player = load_player()
    player = Remembering(player.network, player.vae, player.mean, player.std, form.VARIANT)
    frames = back[:1, None] + torch.tensor(loops.JUDGED)
    player.film = torch.randn(1, 16, int(frames.max()) // 4 + 9, *GRID)
    one = walks._replace(which=walks.which[:1], places=walks.places[:1], yaws=walks.yaws[:1])
    start, nothing = torch.rand(1, 3, 32, 48), torch.zeros(0)
    shown = loops.judged_frames(player, loops.Truth(one, start, frames, *[nothing] * 4), 0)
    whole = player.show(player.film, {}).transpose(1, 2)[:, frames[0]]
    torch.testing.assert_close(shown, whole, atol=2e-3, rtol=0)


def test_a_glance_looks_a_quarter_turn_away_and_back() -> None:
    yaws = torch.cat([torch.zeros(1), loops.glance(1).turns[0].cumsum(0)])
    assert yaws[[0, 30, 70, 100, 124]].tolist() == [0, 90, 90, 0, 0]
    assert form.VARIANT.chunking.first_frame(5) > loops.AWAY_UNTIL[-1] + 1 + loops.JUDGED[-1]


def test_rows_of_memory_are_for_models_with_memory_alone() -> None:
    form_of = rows.Form(load_player())
    assert not {"memory", "glances", "errors"} & set(rows.groups_for(form_of))
    for group in rows.MEMORY_GROUPS:
        with pytest.raises(ValueError, match=f"--only: found {group}, expected other rows for Tiny World, which"):
            rows.check(form_of, [group])
    with pytest.raises(ValueError, match="--unspoilt: nothing was given"):
        rows.check(form_of, ["errors"])


def test_twins_are_trained_alike_but_for_one_thing_and_it_is_said_how_long_that_takes(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "SIZES", SMALL)
    monkeypatch.setattr(train, "BATCH", 2)
    told: list[str] = []
    runs = ablate.train_twins(tmp_path, shards, 2, 1e-3, 0, None, told.append)
    assert told[0].startswith("3 twins of 2 updates, ") and "minutes of a core" in told[0]
    states = {name: torch.load(run / "state.pt", weights_only=True) for name, run in runs.items()}
    assert {name: state["step"] for name, state in states.items()} == dict.fromkeys(ablate.TWINS, 2)
    remembers = [state["extra"]["remembers"] for state in states.values()]
    assert remembers == ["retrieved", "nothing", "retrieved"]
    again = ablate.train_twins(tmp_path, shards, 2, 1e-3, 0, None, told.append)
    assert again == runs  # nothing is trained twice
    names = states["with"]["model"].keys()
    assert any(not torch.equal(*(states[twin]["model"][name] for twin in ("with", "without"))) for name in names)
