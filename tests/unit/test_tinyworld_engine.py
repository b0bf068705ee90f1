"""Tiny World's engine: geometry that is exact, worlds that are seeded, walls that hold.

Shapes: F frames, H x W picture, N cells per side.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from worldmodel.tinyworld import engine, pilot, textures
from worldmodel.tinyworld.engine import CELL, CELLS, EYE, FOCAL, RADIUS, WALL

SIZE = (64, 96)
PINNED_WALLS = [113, 114]
PINNED_PLACES = [[8.4, 18.1], [13.0, 2.1]]
PINNED_COLOURS = [[0.2396, 0.2781, 0.3154], [0.4944, 0.2409, 0.4335]]
PINNED_DEPTHS = [1.469, 1.47]


def places_in(seeds: list[int], starts: int = 1) -> tuple[engine.Worlds, Tensor, Tensor, Tensor]:
    """Return worlds, and which, place and yaw of some starts in each."""
    worlds = engine.build_worlds(seeds)
    which = torch.arange(len(seeds)).repeat_interleave(starts)
    return worlds, which, *engine.random_starts(worlds, which, np.random.default_rng(2))


def courtyard() -> engine.Worlds:
    """Return a world with nothing in it but its border."""
    cells = torch.ones(1, CELLS, CELLS, dtype=torch.long)
    cells[:, 1:-1, 1:-1] = 0
    return engine.build_worlds([5])._replace(cells=cells)


def unproject(view: engine.View, poses: Tensor) -> Tensor:
    """Return the point (F, H, W, 3) that each pixel shows, in metres; infinite in the sky."""
    height, width = view.depth.shape[1:]
    x = ((torch.arange(width) + 0.5 - width / 2) / (FOCAL * width)).expand(height, width)
    y = ((torch.arange(height) + 0.5 - height / 2) / (FOCAL * width))[:, None].expand(height, width)
    rays = torch.stack([x, y, torch.ones_like(x)], -1).double()
    points = rays * view.depth[..., None].double()
    return torch.einsum("fij,fhwj->fhwi", poses[:, :3, :3], points) + poses[:, None, None, :3, 3]


def seen_at(seeds: list[int], size: tuple[int, int] = SIZE) -> tuple[engine.Worlds, Tensor, Tensor, Tensor, Tensor]:
    """Return worlds, eyes (F, 2), points (F, H, W, 3), and which of them are wall and floor (F, H, W)."""
    worlds, which, place, yaw = places_in(seeds)
    view = engine.render(worlds, which, place, yaw, size)
    points = unproject(view, engine.poses(place, yaw))
    finite = view.depth.isfinite()
    floor = finite & ((points[..., 1] - EYE).abs() < 1e-4)
    return worlds, place, points, finite & ~floor, floor


def test_depth_puts_walls_on_the_faces_of_cells_and_the_floor_under_the_eye() -> None:
    worlds, place, points, wall, floor = seen_at([1, 2, 3, 10_001])
    assert wall.float().mean() > 0.2 and floor.float().mean() > 0.2
    pixel = 24 / (FOCAL * SIZE[1])
    assert points[wall][:, 1].max() < EYE + pixel and points[wall][:, 1].min() > EYE - WALL - pixel
    on_plane = points[wall][:, [0, 2]] / CELL
    off = (on_plane - on_plane.round()).abs() * CELL
    assert off.min(dim=1).values.max() < 1e-4
    # a step behind each face is solid, a step before it is free
    frame = torch.nonzero(wall)[:, 0]
    ray = points[wall][:, [0, 2]] - place[frame]
    ray = ray / ray.norm(dim=1, keepdim=True)
    for sign, solid in ((1, True), (-1, False)):
        cell = ((points[wall][:, [0, 2]] + sign * 1e-3 * ray) / CELL).floor().long()
        hit = worlds.cells[frame, cell[:, 0], cell[:, 1]] > 0
        assert (hit == solid).float().mean() > 0.998  # rays that graze a corner


def test_nothing_stands_between_the_eye_and_what_it_sees() -> None:
    worlds, place, points, wall, floor = seen_at([4, 5])
    seen = wall | floor
    frame = torch.nonzero(seen)[:, 0]
    for share in torch.linspace(0, 0.999, 60):
        spot = torch.lerp(place[frame], points[seen][:, [0, 2]], share.double())
        cell = (spot / CELL).floor().long()
        assert (worlds.cells[frame, cell[:, 0], cell[:, 1]] == 0).float().mean() > 0.998


def test_the_sky_begins_above_the_horizon_and_has_no_depth() -> None:
    worlds, which, place, yaw = places_in([1, 2, 3])
    depth = engine.render(worlds, which, place, yaw, SIZE).depth
    assert bool(depth[:, 32:].isfinite().all()) and bool(depth[:, 0].isinf().any())
    assert depth.min() > 0


def test_a_point_keeps_its_place_and_colour_in_another_pose() -> None:
    worlds, which, place, yaw = places_in([6, 7, 8])
    size = height, width = (128, 192)
    first = engine.render(worlds, which, place, yaw, size)
    points = unproject(first, engine.poses(place, yaw))
    there, turned = place + 0.3 * torch.stack([yaw.sin(), yaw.cos()], -1), yaw + 0.15
    second, poses = engine.render(worlds, which, there, turned, size), engine.poses(there, turned)
    known = first.depth.isfinite()
    frame = torch.nonzero(known)[:, 0]
    local = torch.linalg.solve(poses[frame], torch.nn.functional.pad(points[known], (0, 1), value=1.0)[..., None])
    x, y, z = local[:, :3, 0].unbind(1)
    column, row = ((FOCAL * width * part / z + side / 2).floor().long() for part, side in ((x, width), (y, height)))
    inside = (z > 0.1) & (column >= 0) & (column < width) & (row >= 0) & (row < height)
    at = frame[inside], row[inside], column[inside]
    assert inside.float().mean() > 0.5
    near = (second.depth[at] / z[inside] - 1).abs() < 0.03
    assert near.float().mean() > 0.93  # the rest is hidden there, or an edge
    colour = (second.pixels[at] - first.pixels[known][inside]).abs()[near]
    assert colour.mean() < 0.02
    # the same pixels without the motion look elsewhere
    assert (first.pixels[at] - first.pixels[known][inside]).abs().mean() > 3 * colour.mean()


def test_poses_are_rotations_with_x_right_y_down_z_ahead() -> None:
    yaw = torch.linspace(-4, 4, 17, dtype=torch.float64)
    place = torch.rand(17, 2, dtype=torch.float64) * 20
    poses = engine.poses(place, yaw)
    turn = poses[:, :3, :3]
    assert poses.shape == (17, 4, 4) and poses.dtype == torch.float64
    torch.testing.assert_close(turn @ turn.mT, torch.eye(3, dtype=torch.float64).expand_as(turn))
    torch.testing.assert_close(torch.linalg.det(turn), torch.ones(17, dtype=torch.float64))
    assert torch.equal(poses[:, 3], torch.tensor([0.0, 0, 0, 1], dtype=torch.float64).expand(17, 4))
    assert torch.equal(poses[:, [0, 2], 3], place) and not poses[:, 1, 3].any()
    right, down, ahead = engine.poses(torch.zeros(2), torch.tensor(math.pi / 2, dtype=torch.float64))[:3, :3].unbind(1)
    assert right.tolist() == pytest.approx([0, 0, -1])
    assert down.tolist() == pytest.approx([0, 1, 0])
    assert ahead.tolist() == pytest.approx([1, 0, 0])  # a quarter turn to the right from +z looks along +x


def test_a_batch_renders_as_its_members() -> None:
    worlds, which, place, yaw = places_in([1, 2, 10_003], starts=2)
    together = engine.render(worlds, which, place, yaw, SIZE)
    for frame in range(6):
        one = slice(frame, frame + 1)
        alone = engine.render(worlds, which[one], place[one], yaw[one], SIZE)
        torch.testing.assert_close(alone.pixels[0], together.pixels[frame], atol=1e-6, rtol=0)
        torch.testing.assert_close(alone.depth[0], together.depth[frame], atol=0, rtol=1e-6)
        separate = engine.build_worlds([worlds.seeds[int(which[frame])]])
        elsewhere = engine.render(separate, torch.zeros(1, dtype=torch.long), place[one], yaw[one], SIZE)
        torch.testing.assert_close(elsewhere.pixels, alone.pixels, atol=1e-6, rtol=0)


@pytest.mark.parametrize("size", [(40, 56), (128, 192), (8, 8), (96, 64), (33, 51)])
def test_any_size_shows_the_same_place(size: tuple[int, int]) -> None:
    worlds, which, place, yaw = places_in([1, 2])
    view = engine.render(worlds, which, place, yaw, size)
    assert view.pixels.shape == (2, *size, 3) and view.depth.shape == (2, *size)
    assert view.pixels.dtype == view.depth.dtype == torch.float32
    assert bool(view.pixels.isfinite().all()) and view.pixels.min() >= 0 and view.pixels.max() <= 1
    # the middle rows hold the horizon at any size, and the distances straight ahead agree
    wide = engine.render(worlds, which, place, yaw, (64, 1001)).depth[:, 31, 500]
    middle = view.depth[:, size[0] // 2 - 1, size[1] // 2]
    assert bool(((middle / wide - 1).abs() < 0.5).any())


def test_a_picture_is_the_average_of_a_finer_one() -> None:
    worlds, which, place, yaw = places_in(list(range(20, 28)))
    coarse = engine.render(worlds, which, place, yaw, SIZE).pixels
    fine = engine.render(worlds, which, place, yaw, (256, 384)).pixels
    mean = fine.unflatten(1, (64, 4)).unflatten(3, (96, 4)).mean((2, 4))
    filtered, sampled = ((other - mean).square().mean((1, 2, 3)) for other in (coarse, fine[:, 2::4, 2::4]))
    assert (-10 * filtered.log10()).min() > 33
    assert (-10 * filtered.log10()).mean() > (-10 * sampled.log10()).mean() + 3  # better than picking pixels


def test_equal_seeds_give_equal_worlds_and_others_differ() -> None:
    first, again = engine.build_worlds([7, 8, 7]), engine.build_worlds([7])
    for name in ("cells", "colours", "floor", "sky", "floor_kind", "skyline", "hills"):
        values = getattr(first, name)
        assert torch.equal(values[0], values[2]) and torch.equal(values[:1], getattr(again, name))
        assert name == "floor_kind" or not torch.equal(values[0], values[1])
    assert first.seeds == (7, 8, 7)


def test_the_worlds_are_those_that_the_weights_were_trained_in() -> None:
    worlds = engine.build_worlds([7, 123_456_789])
    assert [int((cells > 0).sum()) for cells in worlds.cells] == PINNED_WALLS
    place, yaw = torch.tensor(PINNED_PLACES, dtype=torch.float64), torch.tensor([0.3, -2.0])
    assert bool(engine.fits(worlds, torch.arange(2), place).all())
    view = engine.render(worlds, torch.arange(2), place, yaw, SIZE)
    torch.testing.assert_close(view.pixels.mean((1, 2)), torch.tensor(PINNED_COLOURS), atol=2e-4, rtol=0)
    torch.testing.assert_close(view.depth[:, 31, 48], torch.tensor(PINNED_DEPTHS), atol=1e-3, rtol=0)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="seed: -1 is negative; a world's seed is 0 or more."):
        engine.build_worlds([3, -1])


def test_a_floor_plan_is_one_connected_place_inside_a_border() -> None:
    for cells in engine.build_worlds(list(range(12))).cells.numpy():
        free = cells == 0
        assert not free[[0, -1]].any() and not free[:, [0, -1]].any()
        assert free.sum() >= (CELLS - 2) ** 2 // 2
        assert np.array_equal(engine.largest_place(free), free)


def test_the_largest_place_is_connected_by_sides_and_not_by_corners() -> None:
    free = np.zeros((6, 6), bool)
    free[1:3, 1:4] = free[3:5, 4] = True
    expected = free.copy()
    expected[3:5, 4] = False
    assert np.array_equal(engine.largest_place(free), expected)


@pytest.mark.parametrize("heading", [0.3, 1.2, 2.5, -0.7])
def test_a_walker_pushed_into_walls_keeps_its_distance(heading: float) -> None:
    worlds, which, place, _ = places_in([1, 2, 3, 4], starts=4)
    yaw = torch.full((16,), heading, dtype=torch.float64)
    walks = pilot.play(worlds, which, (place, yaw), pilot.hold(("forward",), 0.0, 16, 150))
    assert bool(walks.bumped.any(1).all()) and walks.bumped.float().mean() > 0.5
    corners = torch.stack(torch.meshgrid(torch.arange(CELLS), torch.arange(CELLS), indexing="ij"), -1) * CELL
    gap = (corners - walks.places[:, :, None, None]).clamp_min(0)
    gap = gap + (walks.places[:, :, None, None] - corners - CELL).clamp_min(0)  # (F, rows + 1, N, N, 2)
    distance = gap.norm(dim=-1).where(worlds.cells[which][:, None] > 0, torch.inf)
    assert distance.amin((1, 2, 3)).min() >= RADIUS - 1e-9
    steps = (walks.places[:, 1:] - walks.places[:, :-1]).norm(dim=-1)
    assert steps.max() <= pilot.STEP + 1e-9


def test_a_walker_is_eight_tenths_of_a_metre_wide() -> None:
    wall = (CELLS - 1) * CELL
    gaps = torch.tensor([0.45, 0.35, -0.1], dtype=torch.float64)
    for sign in (1, -1):
        place = torch.stack([CELLS * CELL / 2 + sign * (wall - CELLS * CELL / 2 - gaps), torch.full((3,), 10.1)], 1)
        for axes in ([0, 1], [1, 0]):
            fits = engine.fits(courtyard(), torch.zeros(3, dtype=torch.long), place[:, axes])
            assert fits.tolist() == [True, False, False]


def test_a_walker_slides_along_a_wall() -> None:
    worlds, heading = courtyard(), math.radians(60)
    start = torch.tensor([[20.0, 4.0]], dtype=torch.float64), torch.tensor([heading], dtype=torch.float64)
    walks = pilot.play(worlds, torch.zeros(1, dtype=torch.long), start, pilot.hold(("forward",), 0.0, 1, 60))
    x, z = walks.places[0].unbind(-1)
    wall = (CELLS - 1) * CELL
    assert wall - RADIUS - pilot.STEP < x[-1] <= wall - RADIUS and x[-1] == x[-30]
    torch.testing.assert_close(z, 4 + torch.arange(61, dtype=torch.float64) * pilot.STEP * math.cos(heading))
    assert not walks.bumped[0, 0] and bool(walks.bumped[0, -30:].all())


def test_starts_stand_free_and_see_a_way_ahead() -> None:
    worlds, which, place, yaw = places_in(list(range(8)), starts=4)
    assert bool(engine.fits(worlds, which, place).all())
    ahead = engine.render(worlds, which, place, yaw, (32, 33)).depth[:, 15, 16]
    assert ahead.min() > 1.2


def test_at_least_eight_wall_textures_differ_and_all_are_used() -> None:
    patterns = [pattern(kind, 0.01) for kind in range(textures.WALLS)]
    assert textures.WALLS >= 8
    for kind, one in enumerate(patterns):
        assert one.min() < 0.05 and one.max() > 0.95
        assert all((one - other).abs().mean() > 0.1 for other in patterns[:kind])
    kinds = set((engine.build_worlds(list(range(6))).cells - 1).unique().tolist())
    assert kinds == set(range(-1, textures.WALLS))
    floors = set(engine.build_worlds(list(range(30))).floor_kind.tolist())
    assert floors == set(range(textures.FLOORS))


def pattern(kind: int, pixel: float, slant: float = 1.0) -> Tensor:
    """Return a wall's pattern (150, 150) over 4 x 4 periods, filtered over `pixel` metres."""
    along = (torch.arange(150) + 0.5) / 150 * 4 * textures.PERIOD
    sizes = torch.full((1, 150), pixel), torch.full((1, 150), slant)
    return textures.wall(torch.full((1, 150), kind), along[None], along[None, :, None].expand(1, 150, 150), *sizes)[0]


@pytest.mark.parametrize("kind", range(textures.WALLS))
def test_a_wide_pixel_sees_the_mean_of_a_texture(kind: int) -> None:
    # discs and diamonds are blurred and not integrated: their contrast falls, and it does not vanish
    blurred = kind in (7, 9)
    fine = pattern(kind, 1e-3)
    for pixel in (textures.PERIOD / 4, textures.PERIOD / 2, textures.PERIOD, 3 * textures.PERIOD):
        coarse = pattern(kind, pixel)
        assert abs(float(coarse.mean() - fine.mean())) < (0.1 if blurred else 0.02)
        assert coarse.std() < fine.std()
    assert coarse.std() < (fine.std() / 2 if blurred else 1e-3)
    slanted = pattern(kind, textures.PERIOD / 20, slant=20.0)
    assert slanted.std(1).mean() < (0.25 if blurred else 1e-3)  # nothing varies along a wall seen edge-on


@pytest.mark.parametrize("kind", range(textures.FLOORS))
def test_a_wide_pixel_sees_the_mean_of_a_floor(kind: int) -> None:
    side = (torch.arange(120) + 0.5) / 120 * 4 * textures.CELL_OF_FLOOR
    ground = torch.stack(torch.meshgrid(side, side, indexing="ij"), -1)[None]

    def tiles(pixel: float) -> Tensor:
        return textures.floor(torch.tensor([kind]), ground, torch.full((1, 120, 120), pixel), torch.ones(1, 120, 1))

    fine, coarse = tiles(1e-3), tiles(textures.CELL_OF_FLOOR)
    assert fine.std() > 0.3 and coarse.std() < 1e-3
    assert abs(float(coarse.mean() - fine.mean())) < 0.02


def test_waves_are_integrals_over_the_footprint() -> None:
    x, width = torch.linspace(-2, 2, 41, dtype=torch.float64), torch.tensor(0.37, dtype=torch.float64)
    around = x[:, None] + width * ((torch.arange(2000, dtype=torch.float64) + 0.5) / 2000 - 0.5)
    phase = around - around.floor()
    square = torch.where(phase < 0.5, 1.0, -1.0).mean(1)
    torch.testing.assert_close(textures.square(x, width), square.double(), atol=3e-3, rtol=0)
    pulse = (phase < 0.3).double().mean(1)
    torch.testing.assert_close(textures.pulse(x, width, 0.3), pulse, atol=3e-3, rtol=0)
