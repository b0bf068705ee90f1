"""The measures: they must praise the truth, see through its opposite, and play what the nodes play."""

import math

import numpy as np
import pytest
import torch

from worldmodel.metrics import intervals, obedience, pictures
from worldmodel.sampling import warped_steps
from worldmodel.session import Session, bare
from worldmodel.state import Controls, RecordedNoise, Start
from worldmodel.tinyworld import data, pilot, train_dit
from worldmodel.tinyworld.player import Player, build_conditions, encode_start
from worldmodel.vae.tiny import TinyVAE, initialise


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
    narrow, wide = intervals.share_interval(800, 1000), intervals.share_interval(8, 10)
    assert wide[0] < narrow[0] < 0.8 < narrow[1] < wide[1]


class Puppet(Player):
    """A player that answers with true films: of the commanded action or of its opposite."""

    mirrored = False

    def play(self, first, actions, chunks, seed, levels=None):
        keys, turns = (value[:, : self.variant.first_frame(chunks) - 1] for value in actions)
        if self.mirrored:
            keys, turns = keys[..., [1, 0, 3, 2]], -turns
        worlds, which, start = self.seen
        walks = pilot.play(worlds, which, start, pilot.Actions(keys, turns))
        film = pilot.film(worlds, walks, data.PICTURE).permute(0, 4, 1, 2, 3)
        same = (film[:, None, :, 0] - first[None, :]).abs().amax((2, 3, 4)).argmin(0)
        return film[same]


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_truth_obeys_and_its_opposite_does_not(monkeypatch, mirrored):
    player = Puppet(None, None, torch.zeros(1), torch.ones(1))
    kind = type("Told", (Puppet,), {"mirrored": mirrored})
    player = kind(*player)
    draw = data.draw_starts

    def remembered(*args, **kwargs):
        kind.seen = draw(*args, **kwargs)
        return kind.seen

    def whole_batch(self, first, actions, chunks, seed, levels=None):
        count = len(kind.seen[1])
        all_actions = pilot.Actions(*(value[:1].expand(count, *value.shape[1:]) for value in actions))
        return Puppet.play(self, first, all_actions, chunks, seed)

    monkeypatch.setattr(data, "draw_starts", remembered)
    kind.play = whole_batch
    for row in obedience.measure(player, starts=4, batch=6):
        assert row.share == (0.0 if mirrored else 1.0), row


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

    generator = torch.Generator().manual_seed(5)
    draws = [torch.randn(2, 16, 3, 8, 12, generator=generator) for _ in range(3 * chunks)]
    image = (encode_start(vae, first * 2 - 1) - mean) / std
    told = build_conditions(image, *actions, player.variant, 3 * chunks)
    for one in range(2):
        initial = torch.cat([draws[3 * chunk][one] for chunk in range(chunks)], 1)
        later = [
            torch.stack([draws[3 * chunk + step][one].transpose(0, 1) for step in (1, 2)]) for chunk in range(chunks)
        ]
        noise = RecordedNoise(initial, torch.stack(later))
        start = Start("tiny_world", "tiny_world", told.condition[one], told.context[one], noise)
        session = Session(start, bare(network))
        mouse = torch.stack([torch.zeros(frames), actions.turns[one] / 15], -1).float()
        for span in (slice(0, 9), slice(9, 21)):
            session.step(Controls(actions.keys[one, span], mouse[span]), seed=0)
        latents = torch.cat([chunk.latents for chunk in session.world.chunks], 1)[None]
        single = (vae.decode(latents * std + mean) + 1) / 2
        assert (film[one] - single[0]).abs().max() < 1e-4
    assert math.isclose(warped_steps((1000,), 5.0).sigmas.item(), 1.0)
