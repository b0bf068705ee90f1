"""The measures: they must praise the truth, see through its opposite, and play what the nodes play."""

import math

import numpy as np
import pytest
import torch

from worldmodel.families.begin import begin
from worldmodel.metrics import pictures
from worldmodel.metrics.intervals import mean_of, ratio_of, share_interval
from worldmodel.rollout.sampling import warped_steps
from worldmodel.rollout.session import bare
from worldmodel.tinyworld import pilot, train_dit
from worldmodel.tinyworld.evaluate import drift, obedience, right_world, steering, suites
from worldmodel.tinyworld.evaluate.bars import FULL, SHORT, Bar
from worldmodel.tinyworld.evaluate.report import evaluate
from worldmodel.tinyworld.evaluate.rows import GROUPS, Form
from worldmodel.tinyworld.player import Player, build_conditions, encode_start
from worldmodel.tinyworld.scene import clips, engine
from worldmodel.tinyworld.visibility import seen_from_first
from worldmodel.vae.tiny import TinyVAE, initialise
from worldmodel.world.state import Controls, RecordedNoise, Start, new_world


@pytest.fixture(scope="module")
def suite():
    return suites.load("layouts")


# --- pictures and intervals


def test_psnr_of_a_tenth_is_twenty_decibels():
    assert pictures.psnr(torch.tensor(0.01)).item() == pytest.approx(20.0)


def test_flat_pictures_are_neither_sharp_nor_saturated():
    grey = torch.full((2, 3, 8, 8), 0.5)
    assert pictures.sharpness(grey).abs().max() == 0 and pictures.saturation(grey).max() == 0
    assert pictures.brightness(grey) == pytest.approx(0.5)


def test_a_checkerboard_is_as_sharp_as_can_be():
    board = (torch.arange(8)[:, None] + torch.arange(8)[None]).remainder(2).float().expand(1, 3, 8, 8)
    assert pictures.sharpness(board).item() == pytest.approx(4.0)


def test_intervals_shrink_with_the_count_and_hold_the_share():
    narrow, wide = share_interval(800, 1000), share_interval(8, 10)
    assert wide[0] < narrow[0] < 0.8 < narrow[1] < wide[1]


def test_19_of_20_intervals_hold_the_true_mean_and_the_true_ratio():
    draws = torch.from_numpy(np.random.default_rng(0).normal(2.0, 1.0, (2000, 12, 2)))
    held = [mean_of(draw[:, 0]) for draw in draws]
    ratios = [ratio_of(draw[:, 0] + 4, draw[:, 0] + draw[:, 1] + 8) for draw in draws]
    for estimates, truth in ((held, 2.0), (ratios, 0.5)):
        share = sum(one.low <= truth <= one.high for one in estimates) / len(estimates)
        assert 0.93 < share < 0.97, share


# --- the suite


def test_a_longer_list_of_starts_begins_with_the_shorter(suite):
    short, long = (list(suite["world"].batches(count)) for count in (40, 96))
    assert [number for number, _ in long] == [0, 1, 2]
    assert torch.equal(short[0][1].seeds, long[0][1].seeds) and len(short[1][1].seeds) == 8


# --- visibility


def test_an_unmoved_camera_has_seen_everything(suite):
    worlds, walks = suite["world"].part(slice(0, 4)).walk(pilot.hold((), 0.0, 4, 2))
    depth = pilot.views(worlds, walks, clips.PICTURE).depth
    assert seen_from_first(depth, walks.places, walks.yaws, worlds.focal).all()


def test_a_view_to_the_other_side_has_seen_nothing(suite):
    worlds, walks = suite["world"].part(slice(0, 4)).walk(pilot.hold((), 90.0, 4, 2))
    depth = pilot.views(worlds, walks, clips.PICTURE).depth
    assert not seen_from_first(depth, walks.places, walks.yaws, worlds.focal)[:, 2].any()


def test_turning_shows_new_columns_on_the_side_it_turns_to(suite):
    worlds, walks = suite["world"].part(slice(0, 4)).walk(pilot.hold((), 10.0, 4, 1))
    depth = pilot.views(worlds, walks, clips.PICTURE).depth
    seen = seen_from_first(depth, walks.places, walks.yaws, worlds.focal)[
        :, 1, 20:44
    ]  # corners reach higher than edges
    assert seen[..., :70].float().mean() > 0.97 and not seen[..., -9:].any()


def test_what_counts_as_seen_is_near_a_point_of_the_first_frame_and_nothing_else_is(suite):
    worlds, walks = suite["world"].part(slice(0, 8)).walk(frames=25)
    view = pilot.views(worlds, walks, clips.PICTURE)
    seen = seen_from_first(view.depth, walks.places, walks.yaws, worlds.focal)
    for walker in range(8):
        first, last = (points(view.depth[walker, f], walks.places[walker, f], walks.yaws[walker, f]) for f in (0, 24))
        solid = view.depth[walker, 0].isfinite(), view.depth[walker, 24].isfinite()
        gap = torch.cdist(last[solid[1]], first[solid[0]]).amin(1)
        counted, depth = seen[walker, 24][solid[1]], view.depth[walker, 24][solid[1]]
        # neighbouring pixels of a floor lie depth squared apart, those of a wall depth
        pixel = depth / (engine.FOCAL * 96)
        assert not counted.any() or (gap[counted] < (3 * pixel * (1 + depth))[counted]).float().mean() > 0.99
        if (~counted).any():
            assert (gap[~counted] > (0.2 * pixel)[~counted]).float().mean() > 0.9


def points(depth, place, yaw):
    """The points (H, W, 3) in the world that a frame's pixels show."""
    across = (torch.arange(96) + 0.5 - 48) / (engine.FOCAL * 96)
    down = ((torch.arange(64) + 0.5 - 32) / (engine.FOCAL * 96))[:, None].expand(64, 96)
    direction = torch.stack([yaw.cos() * across + yaw.sin(), yaw.cos() - yaw.sin() * across], -1).expand(64, 96, 2)
    return torch.cat([place + depth[..., None] * direction, (depth * down)[..., None]], -1)


# --- puppets: players that answer with renders


class Puppet(Player):
    """A player that answers with true films of what it was told, changed by `hears`."""

    tracks: suites.Tracks
    turns = 1.0
    mirrored = False
    frozen = False

    def roll(self, first, actions, chunks, seed, levels=None):
        frames = self.variant.chunking.first_frame(chunks)
        which = self._recognise(first)
        keys, turns = (value[:, : frames - 1] for value in actions)
        keys, turns = (keys[..., [1, 0, 3, 2]], -turns) if self.mirrored else (keys, turns * self.turns)
        worlds, walks = self.tracks.part(which).walk(pilot.Actions(keys, turns))
        film = pilot.film(worlds, walks, clips.PICTURE).movedim(-1, 1)
        for chunk in range(chunks):
            span = slice(self.variant.chunking.first_frame(chunk), self.variant.chunking.first_frame(chunk + 1))
            yield film[:, :, :1].expand_as(film[:, :, span]) if self.frozen else film[:, :, span]

    def _recognise(self, first):
        worlds, walks = self.tracks.walk(pilot.hold((), 0.0, len(self.tracks.seeds), 0))
        starts = pilot.film(worlds, walks, clips.PICTURE)[:, 0].movedim(-1, 1)
        return (starts[None] - first[:, None]).abs().amax((2, 3, 4)).argmin(1)


@pytest.fixture(scope="module")
def vae():
    """A VAE that was never trained: the measures' laws do not depend on it."""
    vae = TinyVAE((16, 16, 16), (16, 16, 16)).eval()
    initialise(vae, 0)
    return vae


def puppet(tracks, vae=None, **changes):
    kind = type("Told", (Puppet,), {"tracks": tracks, **changes})
    return kind(None, vae, torch.zeros(1), torch.ones(1))


@pytest.mark.parametrize("action", suites.OPPOSITES)
def test_the_truth_obeys_and_its_opposite_does_not(suite, action):
    tracks = suite[f"obeys_{action}"].part(slice(0, 4))
    assert obedience.measure(puppet(tracks), tracks, action, 4).obeyed.all()
    assert not obedience.measure(puppet(tracks, mirrored=True), tracks, action, 4).obeyed.any()


@pytest.fixture(scope="module")
def panorama(suite):
    """Three starts of the turning suite, seen all round."""
    tracks = suite["turns"].part(slice(0, 3))
    return tracks, steering.look_around(tracks)


@pytest.mark.parametrize("turns", [0.9, 1.0, 1.07])
def test_a_known_yaw_response_is_found_within_half_a_percent(panorama, turns):
    tracks, around = panorama
    found, commanded = [], torch.tensor([-3.0, 0.7, 1.5])[:, None] * torch.arange(1, 19, 3)
    for yaws in commanded:
        film = steering.turned(tracks, (turns * yaws).double().expand(3, -1))
        found.append(steering.find_yaw(film, yaws, around))
    assert steering.response(commanded, torch.stack(found, 1)).value == pytest.approx(turns, abs=0.005)


def test_a_frozen_or_mirrored_film_fails_the_yaw_response(panorama):
    tracks, around = panorama
    commanded = torch.tensor([-3.0, 3.0])[:, None] * torch.arange(1, 9)
    for turns in (0.0, -1.0):
        films = [steering.turned(tracks, (turns * yaws).double().expand(3, -1)) for yaws in commanded]
        found = [steering.find_yaw(film, yaws, around) for film, yaws in zip(films, commanded, strict=True)]
        assert not FULL["yaw response"].met(steering.response(commanded, torch.stack(found, 1)).value)


def test_the_columns_compared_were_shown_by_the_start_frame_at_every_yaw_searched():
    for yaw in (-54.0, -5.0, 0.0, 24.0, 54.0):
        columns = steering.shared_columns(yaw, 96)
        angle = ((columns + 0.5 - 48) / (engine.FOCAL * 96)).atan().rad2deg()
        assert len(columns) >= 24 and (angle + yaw).abs().max() + steering.REACH <= 45.1


def test_steering_follows_the_player_and_knows_where_nothing_is_asked(suite, vae, monkeypatch):
    monkeypatch.setattr(steering, "RATES", (1.5,))
    tracks = suite["turns"].part(slice(0, 1))
    found = steering.measure(puppet(tracks, vae, turns=0.9), tracks, 1)
    assert found.made.shape == found.coded.shape == (1, 1, 21) and found.made[0, 0, 0].isnan()
    assert steering.response(found.commanded, found.made).value == pytest.approx(0.9, abs=0.005)


def test_the_truth_is_the_right_world_and_a_frozen_frame_is_no_better_than_itself(suite):
    tracks = suite["world"].part(slice(0, 6))
    found = right_world.measure(puppet(tracks), tracks, 6)
    assert (found.made > 99).all() and (found.made > found.astray + 3).all()
    still = right_world.measure(puppet(tracks, frozen=True), tracks, 6)
    assert (still.made - still.frozen).abs().max() < 0.1


def test_the_truth_ages_by_nothing_and_a_frozen_film_stops_changing(suite, vae):
    tracks = suite["long"].part(slice(0, 3))
    found = drift.watch(puppet(tracks, vae), tracks, 3, 30)
    for measure in drift.MEASURES:
        for span in drift.spans(30):
            ratio = drift.ratio(found, measure, span, "true")
            assert ratio.value == pytest.approx(1.0, abs=1e-4) and ratio.low == pytest.approx(ratio.high, abs=1e-3)
    still = drift.watch(puppet(tracks, vae, frozen=True), tracks, 3, 30)
    assert drift.ratio(still, "change", drift.spans(30)[1], "true").value == 0.0


def test_a_film_sent_through_the_vae_in_pieces_is_the_film_sent_whole(suite, vae):
    worlds, walks = suite["long"].part(slice(0, 2)).walk(frames=21)
    film = pilot.film(worlds, walks, clips.PICTURE).movedim(-1, 2)
    player, seeing, showing = puppet(suite["long"], vae), {}, {}
    pieces = [drift.through_vae(player, film[:, span], seeing, showing) for span in (slice(0, 9), slice(9, 21))]
    assert torch.allclose(torch.cat(pieces, 1), drift.through_vae(player, film, {}, {}), atol=1e-5)


# --- the report


def test_every_bar_judges_a_row_that_is_measured(suite, vae, capsys):
    tracks = suite["world"].part(slice(0, 2))
    rows, missed = evaluate(Form(puppet(tracks), 2, 2, 20, kind="layouts"), ["world"], FULL)
    assert {row.name for row in rows} & FULL.keys() == {name for name in FULL if name.startswith("world")}
    assert not missed and "met" in capsys.readouterr().out
    rows = {name for kind in (FULL, SHORT) for name in kind if name.startswith("world")}
    assert rows <= {row.name for row in evaluate(Form(puppet(tracks), 2, 2, 20, kind="layouts"), ["world"], {})[0]}


def test_what_is_no_number_meets_no_bar():
    assert not Bar(0.0).met(math.nan) and Bar(0.0, 1.0).met(1.0) and not Bar(0.0, 1.0).met(1.1)


def test_an_unknown_group_is_named(vae):
    with pytest.raises(ValueError, match="--only: found walls, expected some of vae, obeys"):
        evaluate(Form(puppet(None)), ["walls"], FULL)
    assert "few-steps" in GROUPS


# --- the player


def test_the_batch_player_plays_what_a_session_plays():
    torch.manual_seed(0)
    network = train_dit.build_network(0).eval()
    torch.nn.init.normal_(network.head.head.weight, std=0.02)
    vae = TinyVAE((16, 16, 16), (16, 16, 16)).eval()
    initialise(vae, 0)
    mean, std = torch.full((16, 1, 1, 1), 0.1), torch.full((16, 1, 1, 1), 2.0)
    player = Player(network, vae, mean, std)
    first, chunks, frames = torch.rand(2, 3, 64, 96), 2, 21
    actions = pilot.random_actions(np.random.default_rng(0), 2, frames)
    film = player.play(first, actions, chunks, seed=5)

    steps, generator = len(player.variant.steps), torch.Generator().manual_seed(5)
    draws = [torch.randn(2, 16, 3, 8, 12, generator=generator) for _ in range(steps * chunks)]
    image = (encode_start(vae, first * 2 - 1) - mean) / std
    told = build_conditions(image, *actions, player.variant, 3 * chunks)
    for one in range(2):
        initial = torch.cat([draws[steps * chunk][one] for chunk in range(chunks)], 1)
        later = [
            torch.stack([draws[steps * chunk + step][one].transpose(0, 1) for step in range(1, steps)])
            for chunk in range(chunks)
        ]
        noise = RecordedNoise(initial, torch.stack(later))
        start = Start("tiny_world_2", "tiny_world", told.condition[one], told.context[one], noise)
        session = begin(new_world(start), bare(network))
        mouse = torch.stack([torch.zeros(frames), actions.turns[one] / 15], -1).float()
        for span in (slice(0, 9), slice(9, 21)):
            session.step(Controls(actions.keys[one, span], mouse[span]), seed=0)
        latents = torch.cat([chunk.latents for chunk in session.world.chunks], 1)[None]
        single = (vae.decode(latents * std + mean) + 1) / 2
        assert (film[one] - single[0]).abs().max() < 1e-4
    assert math.isclose(warped_steps((1000,), 5.0).sigmas.item(), 1.0)
