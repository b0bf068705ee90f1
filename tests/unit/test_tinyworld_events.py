"""The form with events: what the engine renders, and that trainer and player show the network what a session does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from worldmodel.binding.bind import bind_track, chunk_controls
from worldmodel.families import family_of
from worldmodel.families.begin import begin, settings_of
from worldmodel.families.causal_wan import make_call
from worldmodel.families.family import Beginning, Encoders
from worldmodel.layers.sink_cache import SinkCache
from worldmodel.memory.kept_keys import LAST_BLOCK, TEXT_ONLY, WINDOW, KeptKeys
from worldmodel.models.causal_wan.network import CausalWan
from worldmodel.models.causal_wan.vocabulary import words_of
from worldmodel.rollout.contexts import About
from worldmodel.rollout.session import bare
from worldmodel.tinyworld import pilot
from worldmodel.tinyworld.evaluate import events, suites
from worldmodel.tinyworld.export import export_model, open_player
from worldmodel.tinyworld.player import load_player
from worldmodel.tinyworld.scene import engine, themes
from worldmodel.tinyworld.scene.events import CLEAR, EVENTS, under
from worldmodel.tinyworld.train_dit import ErrorBuffer
from worldmodel.tinyworld.weather import films, form, train
from worldmodel.tinyworld.weather.player import EventPlayer
from worldmodel.track.track import Track
from worldmodel.vae.tiny import TinyVAE, initialise
from worldmodel.world.state import Chunk, Controls, RecordedNoise, Start, new_world

CHUNKS, GRID = 6, (4, 6)
FRAMES = form.VARIANT.chunking.first_frame(CHUNKS)
SMALL = form.SIZES._replace(dim=48, heads=2, ffn_dim=96, layers=2)
SWITCH = 4
"""Chunk at which an event begins: by then the window is full, and its oldest chunk has left."""


def small_network(seed: int = 0) -> CausalWan:
    torch.manual_seed(seed)
    return CausalWan(SMALL).eval()


def actions_of(walks: int, seed: int = 3) -> pilot.Actions:
    """Return actions with turns in whole thousandths, as a track writes them."""
    drawn = pilot.random_actions(np.random.default_rng(seed), walks, FRAMES)
    return pilot.Actions(drawn.keys, (drawn.turns * 1000).round() / 1000)


def told_by_the_nodes(actions: pilot.Actions, walk: int, events: Tensor) -> list:
    """Return the controls of each chunk, as the nodes make them of a track with words on its prompt lane."""
    mouse = torch.stack([actions.turns[walk].float(), torch.zeros(FRAMES)], 1)
    prompts = tuple((form.VARIANT.chunking.first_frame(c), form.EVENTS[int(e)]) for c, e in enumerate(events))
    track = Track(pilot.WORDS, actions.keys[walk], mouse, prompts=prompts)
    bound = bind_track(track, form.VARIANT)
    pieces, left = chunk_controls(bound.controls, 0, form.VARIANT, bound.events, frames=FRAMES)
    assert left == 0 and len(pieces) == CHUNKS
    return pieces


# ---- what the engine renders ----


def view_of(frames: int = 6) -> engine.View:
    places = engine.build([-1 - number for number in range(6)])
    which = torch.arange(frames) % 6
    return engine.render(places, which, *engine.random_starts(places, which, np.random.default_rng(1)), (64, 96))


def test_events_change_pixels_from_their_frame_on_and_nothing_else() -> None:
    assert tuple(EVENTS) == form.EVENTS and form.EVENTS[0] == CLEAR
    view = view_of()
    for event in form.EVENTS[1:]:
        seen = under(view, [CLEAR] * 2 + [event] * 4)
        assert torch.equal(seen.depth, view.depth) and torch.equal(seen.materials, view.materials)
        assert torch.equal(seen.pixels[:2], view.pixels[:2])
        assert torch.equal(seen.pixels[2:], under(view, [event] * 6).pixels[2:])
        assert seen.pixels.min() >= 0 and seen.pixels.max() <= 1
        apart = (seen.pixels[2:] - view.pixels[2:]).square().mean((1, 2, 3)).sqrt()
        assert (apart > 0.05).all(), event  # each place is told apart under it


def test_fog_hides_what_is_far_and_snow_lies_on_floors() -> None:
    view = view_of(1)
    fog, snow = (under(view, [event]).pixels[0] for event in ("fog", "snow"))
    sky, floor = ((view.materials[0] % themes.SURFACES) == one for one in (themes.SKY, themes.FLOOR))
    assert fog[sky].std(0).max() < 1e-6
    contrast = [pixels[floor].std(0).mean() for pixels in (snow, view.pixels[0])]
    assert contrast[0] < 0.4 * contrast[1] and snow[floor].mean() > 0.8


# ---- what is said ----


def test_the_vocabulary_is_closed() -> None:
    for event in form.EVENTS:
        assert torch.equal(words_of(form.VARIANT, f"  {event.upper()} "), form.WORDS[form.EVENTS.index(event)])
    assert torch.equal(words_of(form.VARIANT, ""), form.WORDS[0])
    with pytest.raises(ValueError, match="prompt: found 'rain', expected one of clear, night, fog, snow, red light"):
        words_of(form.VARIANT, "rain")


def test_a_start_needs_no_text_encoder() -> None:
    encoders = Encoders(lambda frames: torch.zeros(16, 1 + (len(frames) - 1) // 4, *GRID), 6)
    image = torch.rand(1, 32, 48, 3)
    start = family_of(form.VARIANT).start(Beginning(form.VARIANT, image, (32, 48), "Snow"), encoders)
    assert torch.equal(start.text, words_of(form.VARIANT, "snow")) and start.image_condition.shape == (20, 6, *GRID)
    with pytest.raises(ValueError, match="prompt: found 'a storm', expected one of clear, night"):
        family_of(form.VARIANT).start(Beginning(form.VARIANT, image, (32, 48), "a storm"), encoders)


# ---- what the network is shown ----


@pytest.mark.parametrize("chunk", (0, 1, CHUNKS - 1))
def test_the_trainer_shows_a_chunk_what_a_session_shows_it(chunk: int) -> None:
    image, actions = torch.randn(2, 16, 6, *GRID), actions_of(2)
    events = torch.randint(len(form.EVENTS), (2, CHUNKS), generator=torch.Generator().manual_seed(0))
    told = form.told_of(image, actions, events, CHUNKS * form.CHUNK)
    for walk in range(2):
        pieces = told_by_the_nodes(actions, walk, events[walk])
        start = Start(form.VARIANT.name, "tiny_world", told.condition[walk], text=form.WORDS[0])
        about = About(start, form.VARIANT, encode_text=lambda sentence: words_of(form.VARIANT, sentence))
        world = new_world(start)
        for index in range(chunk):
            world = world._replace(chunks=(*world.chunks, _chunk(pieces[index])))
        theirs, ours = make_call(about, world, pieces[chunk], chunk), told.call(chunk)
        assert torch.equal(ours.positions, theirs.positions)
        for name in ("text", "condition", "rays"):
            torch.testing.assert_close(getattr(ours, name)[walk], getattr(theirs, name)[0], atol=2e-5, rtol=0)


def _chunk(controls: Controls) -> Chunk:
    return Chunk(torch.zeros(16, form.CHUNK, *GRID), controls, 0, "")


@torch.no_grad()
@pytest.mark.parametrize("policy", (TEXT_ONLY, LAST_BLOCK, WINDOW))
def test_the_player_of_batches_plays_what_a_session_plays(policy: str) -> None:
    network, seed = small_network(), 4
    vae = TinyVAE()
    initialise(vae, 1)
    player = EventPlayer(network, vae.eval(), torch.zeros(16, 1, 1, 1), torch.ones(16, 1, 1, 1), form.VARIANT)
    image, actions = torch.randn(2, 16, 6, *GRID), actions_of(2)
    events = torch.tensor([[0] * SWITCH + [2] * (CHUNKS - SWITCH), [1] * SWITCH + [4] * (CHUNKS - SWITCH)])
    made = torch.cat(list(player.under(events, policy).roll_latents(image, actions, CHUNKS, seed)), 2)
    generator = torch.Generator().manual_seed(seed)
    draws = [[torch.randn(2, 16, form.CHUNK, *GRID, generator=generator) for _ in range(3)] for _ in range(CHUNKS)]
    for walk in range(2):
        first = torch.cat([draw[0][walk] for draw in draws], 1)
        again = torch.stack([torch.stack([one[walk].transpose(0, 1) for one in draw[1:]]) for draw in draws])
        condition = form.told_of(image, actions, events, 3).condition[walk]
        start = Start(form.VARIANT.name, "tiny_world", condition, text=form.WORDS[0], noise=RecordedNoise(first, again))
        settings = settings_of(form.VARIANT, memory=KeptKeys(recache=policy))
        session = begin(new_world(start), bare(network), settings=settings)
        for told in told_by_the_nodes(actions, walk, events[walk]):
            session.step(told, 0)
        theirs = torch.cat([chunk.latents for chunk in session.world.chunks], 1)
        torch.testing.assert_close(made[walk], theirs, atol=2e-4, rtol=0)


# ---- what it learns ----


def test_what_is_remembered_under_a_new_word_is_what_each_policy_makes_again() -> None:
    events = torch.tensor([[0, 0, 1, 1, 1, 2, 2]]).expand(3, -1)
    found = train.remembered(events, torch.tensor([train.KEPT, train.LAST, train.ALL]), 5)
    assert found.tolist() == [
        [0, 0, 1, 1, 1, 2, 2],
        [0, 1, 1, 1, 2, 2, 2],
        [0, 1, 1, 2, 2, 2, 2],  # the two chunks in the window before the first that is taught
    ]


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Walks of ten chunks with made-up latents."""
    folder, latents = tmp_path / "films", films.CHUNKS * form.CHUNK
    folder.mkdir()
    actions, random = pilot.random_actions(np.random.default_rng(2), 3, 4 * latents - 3), torch.Generator()
    walks = {
        "latents": torch.randn(3, 16, latents, *GRID, generator=random).half(),
        "tail": torch.randn(3, 16, 5, *GRID, generator=random).half(),
        "keys": actions.keys,
        "turns": actions.turns.float(),
        "events": films.draw_events(np.random.default_rng(4), 3, films.CHUNKS),
        "seeds": torch.arange(3),
    }
    save_file(walks, folder / "000_00000.safetensors")
    return folder


def supply(shards: Path) -> train.Films:
    made = train.Films(shards, torch.zeros(16, 1, 1, 1), torch.ones(16, 1, 1, 1))
    made.refresh()
    return made


@torch.no_grad()
def test_what_is_taught_looks_back_as_a_rollout_does(shards: Path) -> None:
    network, clip = small_network(), supply(shards).draw(np.random.default_rng(0), 2)
    taught, kept = train.TaughtCache(2), SinkCache(form.VARIANT.window, form.VARIANT.sink)
    for chunk in range(CHUNKS):
        latents = clip.latents[:, :, chunk * form.CHUNK : (chunk + 1) * form.CHUNK]
        noisy = torch.randn_like(latents)
        told, call = clip.told.call(chunk, cache=taught), clip.told.call(chunk, cache=kept)
        both = train.beside(told._replace(commit=True), told.at(500.0))
        ours = network(torch.cat([latents, noisy]), call=both)[2:]
        kept.begin_sentence()  # words change from chunk to chunk
        theirs = network(noisy, call=call.at(500.0))
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
        network(latents, call=call.clean())


def test_the_loss_teaches_the_whole_network(shards: Path) -> None:
    network, random = train.build_network(0), np.random.default_rng(1)
    with torch.no_grad():  # what begins at zero lets nothing through to what lies before it
        for weight in network.parameters():
            if not weight.any():
                weight.normal_(std=0.02)
    train.flow_error(network, supply(shards).draw(random, 2), ErrorBuffer(), random).backward()
    assert not [name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()]


def test_a_run_resumes_is_exported_and_plays(shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "SIZES", SMALL)
    monkeypatch.setattr(train, "BATCH", 2)
    for updates in (2, 3):
        assert train.train(tmp_path / "run", shards, 0.0, 1e-3, 0, updates=updates).step == updates
    path = tmp_path / "model.safetensors"
    export_model(tmp_path / "run", {}, path)
    player = load_player(path)
    assert isinstance(player, EventPlayer) and player.variant == form.VARIANT
    torch.testing.assert_close(
        player.network.state_dict()["head.head.weight"],
        open_player(tmp_path / "run").network.state_dict()["head.head.weight"], atol=1e-3, rtol=0,
    )  # fmt: skip
    film = player.under(torch.tensor([0, 3])).play(torch.rand(1, 3, 32, 48), actions_of(1), chunks=2, seed=0)
    assert film.shape == (1, 3, 21, 32, 48) and film.isfinite().all()


def test_weights_of_another_vocabulary_are_refused(tmp_path: Path) -> None:
    network = CausalWan(SMALL._replace(text_dim=24))
    about = {"variant": form.VARIANT.name, "heads": SMALL.heads}
    save_file(network.state_dict(), tmp_path / "model.safetensors", {"worldmodel": json.dumps(about)})
    with pytest.raises(
        ValueError, match="found words of 24 numbers, expected 20 for Tiny World with events, whose voc"
    ):
        load_player(tmp_path / "model.safetensors")


def test_weights_of_another_form_are_taken_over_where_they_fit() -> None:
    network, weights = train.build_network(0), load_player().network.state_dict()
    taken = train.taken_over(network, weights, weights)
    own = network.state_dict()
    for name in ("patch_embedding.weight", "blocks.3.self_attn.q.weight", "head.head.weight"):
        assert name in taken and torch.equal(own[name], weights[name])
    left = {name.split(".")[-2].removesuffix("layer1").removesuffix("layer2") for name in set(own) - set(taken)}
    assert left <= {"patch_embedding_wancamctrl", "c2ws_hidden_states_", "cam_injector_", "cam_scale_layer",
                    "cam_shift_layer", "0", "2"}  # fmt: skip


def test_films_change_where_a_chunk_begins_and_begin_as_they_are_pictured() -> None:
    places = engine.build([20_000, 20_001])
    which, start = torch.arange(2), engine.random_starts(places, torch.arange(2), np.random.default_rng(0))
    walks = pilot.play(places, which, start, pilot.hold(("forward",), 0.0, 2, 20))
    events = torch.tensor([[4, 0], [4, 2]])
    pixels = films.film(places, walks, events, torch.tensor([True, False]))
    plain = films.film(places, walks, torch.zeros(2, 2, dtype=torch.long))
    same = (pixels == plain).flatten(3).all(3).all(1)  # (walks, frames)
    assert same[0].tolist() == [False] * 9 + [True] * 12
    assert same[1].tolist() == [True] + [False] * 20


# ---- what it is judged by ----


class Showing(EventPlayer):
    """A player that shows the true film, under its events or without."""

    heeds: bool = True
    tracks: suites.Tracks

    def under(self, told: Tensor | None, recache: str = LAST_BLOCK) -> EventPlayer:
        """Return one that shows them."""
        other = Showing(*self)
        other.events, other.heeds, other.tracks = told, self.heeds, self.tracks
        return other

    def see(self, first: Tensor, chunks: int) -> Tensor:
        """Return the start."""
        return first

    def roll_latents(self, image: Tensor, actions: pilot.Actions, chunks: int, *_: object) -> Iterator[Tensor]:
        """Yield the film's frames, four to a latent and one in front, in place of latents."""
        worlds, walks = self.tracks.walk(frames=form.VARIANT.chunking.first_frame(chunks))
        told = torch.zeros(len(image), chunks, dtype=torch.long)
        if self.events is not None and self.heeds:
            told = self.events.roll(1, 1)  # a chunk late
        film = (films.film(worlds, walks, told) + 1) / 2
        yield torch.cat([film[:, :, :1].repeat(1, 1, 3, 1, 1), film], 2).unflatten(2, (-1, 4))

    def show(self, latents: Tensor, memory: dict[str, Tensor]) -> Tensor:
        """Return the frames of some of them."""
        return latents.flatten(2, 3)[:, :, 3:]


@pytest.mark.parametrize("heeds", (True, False))
def test_an_event_is_seen_when_it_shows(heeds: bool) -> None:
    tracks = suites.load("levels")["long"].part(slice(0, 4))
    player = Showing(None, None, None, None, form.VARIANT)
    player.tracks, player.heeds = tracks, heeds
    (found,) = events.measure(player, tracks, 4, span=events.Span(1, 2)).values()
    assert found.event.tolist() == [1, 2, 3, 4] and found.visible.tolist() == [heeds] * 4
    assert found.frames.tolist() == [12 if heeds else 24] * 4
    assert (found.like > 0.999).all() == heeds and (found.like_without > 0.999).all()
    assert events.table({"text only": found})[1].split()[:3] == ["text", "only", "all"]
