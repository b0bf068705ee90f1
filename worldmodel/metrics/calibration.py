"""How strongly a model must feel its keys to walk as far as it is told.

What a network cannot know it averages, and the average of ways is a short one. So it walks too little by a share that
is much alike everywhere, and the keys' first layer, scaled, makes up for it. The scale is chosen in worlds of the
training, never in those that judge.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..tinyworld.export import key_gained
from ..tinyworld.player import Player
from . import follows, suites


def responses(player: Player, gains: Iterable[float], walks: int) -> Iterator[tuple[float, follows.Slopes]]:
    """Yield for each gain of the keys how far the film moves along drawn paths in training worlds.

    Args:
        player: its network's keys are as the run left them, which is a gain of 1.
        walks: paths to follow.
    """
    tracks = suites.gather(suites.draw_drawn(held_out=False), walks)
    weights = {name: value.clone() for name, value in player.network.state_dict().items()}
    for gain in gains:
        player.network.load_state_dict(key_gained(weights, gain))
        yield gain, follows.slopes(*follows.measure(player, tracks, walks, kinds=("made",)))
