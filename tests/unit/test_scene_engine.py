"""Tiny World 2's places: what a view shows is where the plan says it is, and every place has room to walk and look."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from worldmodel.tinyworld import pilot
from worldmodel.tinyworld.evaluate import suites
from worldmodel.tinyworld.scene import clips, engine, patterns, plans, themes, walkers

SIZE = (64, 96)
LEVELS = [-1 - number for number in range(len(plans.NAMES))]


def stand(seeds: list[int], each: int = 2, seed: int = 0) -> tuple[engine.Places, Tensor, Tensor, Tensor]:
    """Return places, and starts in them: which, place, yaw."""
    places = engine.build(seeds)
    which = torch.arange(len(seeds)).repeat_interleave(each)
    return places, which, *engine.random_starts(places, which, np.random.default_rng(seed))


def largest_place(free: np.ndarray) -> np.ndarray:
    """Return the largest 4-connected part of a boolean grid as a boolean grid."""
    label, best = np.zeros(free.shape, int), (0, 0)
    for origin in zip(*np.nonzero(free), strict=True):
        if label[origin]:
            continue
        name, size, queue = label.max() + 1, 0, [origin]
        label[origin] = name
        while queue:
            x, z = queue.pop()
            size += 1
            for cell in ((x + 1, z), (x - 1, z), (x, z + 1), (x, z - 1)):
                if free[cell] and not label[cell]:
                    label[cell] = name
                    queue.append(cell)
        best = max(best, (size, name))
    return label == best[1] if best[1] else free


def points(view: engine.View, place: Tensor, yaw: Tensor) -> Tensor:
    """Return the point (F, H, W, 3) of every pixel in the place's axes."""
    height, width = view.depth.shape[1:]
    focal = engine.FOCAL * width
    across, down = ((torch.arange(side).double() + 0.5 - side / 2) / focal for side in (width, height))
    rays = torch.stack([across.expand(height, -1), down[:, None].expand(-1, width), torch.ones(height, width)], -1)
    local = rays.double() * view.depth.double()[..., None]
    pose = pilot.poses(place, yaw)
    return torch.einsum("fij,fhwj->fhwi", pose[:, :3, :3], local) + pose[:, None, None, :3, 3]


def test_every_pixel_shows_the_surface_that_the_plan_has_there() -> None:
    places, which, place, yaw = stand([*LEVELS, 3, 4], each=3)
    view = engine.render(places, which, place, yaw, SIZE)
    at, kind = points(view, place, yaw), view.materials.long()
    own_theme = places.theme[which][:, None, None]
    assert bool((kind // themes.SURFACES == own_theme).all())
    surface = kind % themes.SURFACES
    sky, floor = surface == themes.SKY, surface == themes.FLOOR
    assert torch.equal(sky, view.depth.isinf())
    assert (at[floor][:, 1] - engine.EYE).abs().max() < 1e-4
    wall = ~sky & ~floor
    assert bool(wall.any()) and at[wall][:, 1].max() < engine.EYE + 0.3
    off = (at[wall][:, [0, 2]] / engine.CELL - (at[wall][:, [0, 2]] / engine.CELL).round()).abs() * engine.CELL
    assert off.amin(1).max() < 1e-3  # on a side of a cell
    frame = torch.nonzero(wall)[:, 0]
    ray = at[wall][:, [0, 2]] - place[frame]
    behind = ((at[wall][:, [0, 2]] + 1e-3 * ray / ray.norm(dim=1, keepdim=True)) / engine.CELL).floor().long()
    cell = places.cells[which[frame], behind[:, 0], behind[:, 1]]
    assert ((cell - 1).clamp(0, themes.MATERIALS - 1) == surface[wall]).float().mean() > 0.998  # but rays along an edge
    height = places.heights[which[frame], behind[:, 0], behind[:, 1]]
    assert (engine.EYE - at[wall][:, 1] <= height + 0.5).float().mean() > 0.998


def test_towers_stand_above_the_houses_before_them() -> None:
    places, which, place, yaw = stand(LEVELS, each=8)
    view = engine.render(places, which, place, yaw, SIZE)
    surface = view.materials % themes.SURFACES
    landmark, house = surface[:, :32] == themes.WALLS, surface[:, 32] < themes.WALLS
    above = landmark.any(1) & house
    assert above.any(1).sum() >= 3
    nearest = view.depth[:, :32].where(landmark, torch.inf).amin(1)
    assert bool((nearest > view.depth[:, 32])[above].all())


def test_a_batch_renders_as_its_members() -> None:
    places, which, place, yaw = stand([*LEVELS, 17])
    together = engine.render(places, which, place, yaw, SIZE)
    for frame in range(len(which)):
        alone = engine.render(engine.build([places.seeds[which[frame]]]), torch.zeros(1, dtype=torch.long),
                              place[frame : frame + 1], yaw[frame : frame + 1], SIZE)  # fmt: skip
        torch.testing.assert_close(alone.pixels[0], together.pixels[frame], atol=1e-5, rtol=0)
        torch.testing.assert_close(alone.depth[0], together.depth[frame], atol=0, rtol=1e-6)
        assert torch.equal(alone.materials[0], together.materials[frame])


@pytest.mark.parametrize("size", [(80, 128), (32, 48), (128, 192), (33, 51)])
def test_any_size_shows_the_same_place(size: tuple[int, int]) -> None:
    places, which, place, yaw = stand(LEVELS[:2])
    view = engine.render(places, which, place, yaw, size)
    assert view.pixels.shape == (4, *size, 3) and view.depth.shape == view.materials.shape == (4, *size)
    assert bool(view.pixels.isfinite().all()) and 0 <= view.pixels.min() and view.pixels.max() <= 1


def test_a_picture_is_the_average_of_a_finer_one() -> None:
    places, which, place, yaw = stand([*LEVELS, *range(6)])
    coarse = engine.render(places, which, place, yaw, SIZE).pixels
    fine = engine.render(places, which, place, yaw, (256, 384)).pixels
    mean = fine.unflatten(1, (64, 4)).unflatten(3, (96, 4)).mean((2, 4))
    filtered, sampled = ((other - mean).square().mean((1, 2, 3)) for other in (coarse, fine[:, 2::4, 2::4]))
    assert (-10 * filtered.log10()).min() > 29
    assert (-10 * filtered.log10()).mean() > (-10 * sampled.log10()).mean() + 2


def test_equal_seeds_give_equal_places_and_levels_go_by_name() -> None:
    places = engine.build([7, 8, 7, engine.level_seed("Hedge Court")])
    assert torch.equal(places.cells[0], places.cells[2]) and not torch.equal(places.cells[0], places.cells[1])
    assert themes.NAMES[int(places.theme[3])] == "garden"
    with pytest.raises(ValueError, match="expected 0 or more, or -1 to"):
        engine.build([-1 - len(plans.NAMES)])


@pytest.mark.parametrize("seeds", [LEVELS, list(range(60))])
def test_a_place_is_one_wide_ground_inside_a_wall_with_a_landmark(seeds: list[int]) -> None:
    for cells in engine.build(seeds).cells.numpy():
        free = cells == plans.FREE
        assert not free[[0, -1]].any() and not free[:, [0, -1]].any()
        assert np.array_equal(largest_place(free), free)
        assert free[1:-1, 1:-1].mean() > 0.55
        assert (cells == plans.TOWER).any() and len(np.unique(cells[cells > 0])) >= 4
        # a passage of one cell would have walls on both sides
        for one in (cells, cells.T):
            assert not ((one[:-2] > 0) & (one[1:-1] == 0) & (one[2:] > 0)).any()


def test_starts_have_room_to_look() -> None:
    places, which, place, yaw = stand([*LEVELS, *range(6)], each=4)
    view = engine.render(places, which, place, yaw, SIZE)
    assert view.depth[:, 32, 48].min() > 4.0
    assert (view.materials % themes.SURFACES == themes.FLOOR).float().mean((1, 2)).min() > 0.2


def test_explorers_rarely_press_against_walls_and_see_where_they_go() -> None:
    places, which, place, yaw = stand([*LEVELS, *range(6)], each=1)
    walks = walkers.explore(places, which, (place, yaw), 300, np.random.default_rng(1))
    assert walks.bumped.float().mean() < 0.12
    assert walkers.crowding(places, walks).mean() < 0.25
    way = (walks.places[:, 1:] - walks.places[:, :-1]).norm(dim=-1)
    assert way.sum(1).min() > 300 * pilot.STEP * 0.3
    assert bool(engine.fits(places, which.repeat_interleave(301), walks.places.flatten(0, 1)).all())


def test_a_walk_that_goes_home_stands_there_as_it_began() -> None:
    places, which, place, yaw = stand(LEVELS, each=2)
    turned = np.full(len(which), 60)
    walks = walkers.explore(places, which, (place, yaw), 500, np.random.default_rng(2), home_after=turned)
    near = (walks.places[:, -1] - place).norm(dim=-1) < 0.5
    off = torch.remainder(walks.yaws[:, -1] - yaw + math.pi, 2 * math.pi) - math.pi
    assert (near & (off.abs() < math.radians(6))).float().mean() > 0.7
    assert not walks.actions.keys[near, -1].any()


def test_training_never_sees_a_held_out_layout_and_draws_levels_by_their_share() -> None:
    places = clips.draw_places(np.random.default_rng(0), 400, 0.6)
    layouts = [seed for seed in places.seeds if seed >= 0]
    assert min(layouts) >= engine.HELD_OUT_SEEDS and 0.3 < len(layouts) / 400 < 0.5
    some = clips.draw_places(np.random.default_rng(0), 50, 0.5, only=(1, 4))
    assert set(some.theme.tolist()) == {1, 4}


@pytest.mark.parametrize("name", patterns.WALLS)
def test_a_wide_pixel_sees_the_mean_of_a_pattern(name: str) -> None:
    u, v = (torch.arange(240) + 0.5)[:, None] / 60, (torch.arange(150) + 0.5)[None] * 0.04
    fine, broad = (
        patterns.WALLS[name](u, v, torch.full((240, 1), size), torch.full((240, 1), 1e-3)).expand(240, 150)
        for size in (1e-3, 1.0)
    )
    assert fine.min() >= 0 and fine.max() <= 1.001 and fine.std() > 0.2
    assert broad.std(0).max() < (0.25 if name in ("diamond", "disc", "arch") else 1e-3)
    torch.testing.assert_close(broad.mean(), fine.mean(), atol=0.05, rtol=0)


def test_the_suites_hold_what_they_say_and_nothing_that_training_sees() -> None:
    for kind in suites.KINDS:
        suite = suites.load(kind)
        counts = {name: len(tracks.seeds) for name, tracks in suite.items()}
        long = {"long": 200 if kind == "levels" else 64}
        obeyed = {f"obeys_{action}": 256 for action in suites.OPPOSITES}
        assert counts == {"vae": 32, "turns": 64, "world": 256, "drawn": 64, "loops": 64, **long, **obeyed}
        for tracks in suite.values():
            seeds = tracks.seeds
            assert bool(((seeds < 0) if kind == "levels" else (seeds >= 0) & (seeds < engine.HELD_OUT_SEEDS)).all())
            assert bool(engine.fits(tracks.worlds(), torch.arange(len(seeds)), tracks.places).all())


@pytest.mark.parametrize("kind", suites.KINDS)
def test_the_suites_are_what_their_code_draws(kind: str) -> None:
    suite = suites.load(kind)
    parts = {
        "vae": suites.draw_played(kind, "vae", 32),
        "obeys_left": suites.draw_obeyed(kind, "left"),
        "loops": suites.draw_loops(kind),
    }
    for name, supply in parts.items():
        drawn, kept = next(supply), suite[name]
        count = min(len(drawn.seeds), len(kept.seeds))
        for one, other in zip(drawn, kept, strict=True):
            assert torch.equal(one[:count], other[:count]), name


def test_loops_come_home() -> None:
    tracks = suites.load("levels")["loops"].part(slice(0, 16))
    _, walks = tracks.walk()
    assert (walks.places[:, -1] - walks.places[:, 0]).norm(dim=-1).max() < 1.5
    assert (walks.places[:, 100:] - walks.places[:, :1]).norm(dim=-1).amax(1).min() > 2.0
