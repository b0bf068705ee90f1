"""Places chosen by name."""

from __future__ import annotations

import pytest
import torch

from worldmodel.tinyworld.scene import engine, menu, plans


@pytest.mark.parametrize("level", menu.MENU)
def test_a_place_is_the_one_of_that_name_and_one_stands_free_in_it(level: str) -> None:
    places, start = menu.place_in(level, 5, 3)
    assert places.seeds == ((5,) if level == menu.LAYOUT else (-1 - plans.NAMES.index(level),))
    assert bool(places.fits(torch.zeros(1, dtype=torch.long), start[0]).all())
    again, other = menu.place_in(level, 5, 3), menu.place_in(level, 5, 4)
    assert torch.equal(start[0], again[1][0]) and torch.equal(start[1], again[1][1])
    assert not torch.equal(start[0], other[1][0])


def test_the_layout_number_changes_no_level() -> None:
    one, other = (menu.place_in("Frost Market", layout, 0) for layout in (1, 2))
    assert torch.equal(one[0].cells, other[0].cells) and torch.equal(one[1][0], other[1][0])
    layouts = [menu.place_in(menu.LAYOUT, layout, 0)[0].cells for layout in (1, 2)]
    assert not torch.equal(*layouts)


@pytest.mark.parametrize(
    ("level", "layout", "words"),
    [
        ("Nowhere", 0, "level: found 'Nowhere', expected one of Lighthouse Square"),
        (menu.LAYOUT, -1, "world_seed: found -1, expected 0 to 9999"),
        (menu.LAYOUT, engine.HELD_OUT_SEEDS, "world_seed: found 10000"),
    ],
)
def test_a_place_that_may_not_be_chosen_is_refused(level: str, layout: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        menu.place_in(level, layout, 0)
