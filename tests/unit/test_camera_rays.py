"""Camera rays: what a network is told of poses, and the layers that read it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from worldmodel.camera.poses import rotations, to_matrix_game3
from worldmodel.layers.camera_rays import (
    CameraInjector,
    RayEmbedding,
    framewise_poses,
    memory_poses,
    packed_rays,
    ray_tokens,
    seen_from,
)

IDENTITY = torch.eye(4, dtype=torch.float64)


def some_poses(count: int, seed: int = 0) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    angles = torch.rand(2, count, generator=draw, dtype=torch.float64) * 2 - 1
    poses = IDENTITY.repeat(count, 1, 1)
    poses[:, :3, :3] = rotations(*angles)
    poses[:, :3, 3] = torch.randn(count, 3, generator=draw, dtype=torch.float64)
    return poses


def test_the_first_pose_of_a_window_is_the_identity_and_the_farthest_step_has_length_1() -> None:
    relative = framewise_poses(some_poses(6))
    assert relative.dtype == torch.float32 and torch.equal(relative[0], torch.eye(4))
    assert relative[:, :3, 3].norm(dim=1).max().item() == pytest.approx(1)
    turns = relative[:, :3, :3]
    torch.testing.assert_close(turns @ turns.mT, torch.eye(3).expand(6, 3, 3), atol=1e-6, rtol=0)


def test_relative_poses_are_steps_from_one_to_the_next() -> None:
    poses = some_poses(5)
    longest = seen_from(poses[:-1], poses[1:])[:, :3, 3].norm(dim=1).max()
    way = IDENTITY
    for index, step in enumerate(framewise_poses(poses).double()):
        step[:3, 3] *= longest
        way = way @ step
        torch.testing.assert_close(way, seen_from(poses[:1], poses[index : index + 1])[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "move", [lambda c2w: some_poses(1, 9) @ c2w, lambda c2w: torch.diag(torch.tensor([1.0, 1, -1, 1])).double() @ c2w]
)
def test_neither_where_a_world_begins_nor_its_mirror_matters(move: object) -> None:
    poses = some_poses(5)
    for told in (framewise_poses, lambda c2w: memory_poses(c2w[:2], c2w[2:4])):
        torch.testing.assert_close(told(move(poses)), told(poses), atol=1e-6, rtol=0)


def test_scale_does_not_matter_and_standing_still_is_no_division_by_zero() -> None:
    poses = some_poses(4)
    larger = poses.clone()
    larger[:, :3, 3] *= 100
    torch.testing.assert_close(framewise_poses(larger), framewise_poses(poses), atol=1e-6, rtol=0)
    still = poses[:1].expand(4, 4, 4)
    torch.testing.assert_close(framewise_poses(still), torch.eye(4).expand(4, 4, 4), atol=1e-6, rtol=0)
    assert torch.equal(memory_poses(still, still)[:, :3, 3], torch.zeros(4, 3, dtype=torch.float64))


def test_a_memory_lies_at_distance_1() -> None:
    relative = memory_poses(some_poses(3, 1), some_poses(3, 2))
    torch.testing.assert_close(relative[:, :3, 3].norm(dim=1), torch.ones(3, dtype=torch.float64))


def test_a_cell_holds_the_rays_of_its_pixels() -> None:
    poses, cell, (height, width) = some_poses(3), 4, (8, 12)
    rays = packed_rays(poses, height, width, cell=cell)
    assert rays.shape == (6 * cell * cell, 3, 2, 3)
    for frame, row, column in ((0, 0, 0), (1, 5, 2), (2, 7, 11)):
        inside = (row % cell) * cell + column % cell
        ray = rays.unflatten(0, (6, -1))[:, inside, frame, row // cell, column // cell]
        ahead = torch.tensor([(column + 0.5) / width * 2 - 1, (row + 0.5) / height * 2 - 1, 1], dtype=torch.float64)
        torch.testing.assert_close(ray[:3], poses[frame, :3, 3])
        torch.testing.assert_close(ray[3:], poses[frame, :3, :3] @ (ahead / ahead.norm()))


def test_a_lens_that_sees_less_brings_rays_together() -> None:
    wide, narrow = (
        packed_rays(IDENTITY[None], 16, 16, intrinsics=(focal, focal, 0.5, 0.5)).unflatten(0, (6, -1))
        for focal in (0.5, 1.0)
    )
    assert narrow[5].min() > wide[5].min() and torch.equal(narrow[:3], wide[:3])


def test_tokens_hold_two_by_two_cells_the_place_fastest() -> None:
    rays = torch.arange(1 * 2 * 3 * 4 * 6).view(1, 2, 3, 4, 6)
    tokens = ray_tokens(rays)
    assert tokens.shape == (1, 3 * 2 * 3, 8)
    # token of frame 1, row 1, column 2
    assert tokens[0, 6 + 3 + 2].tolist() == rays[0, :, 1, 2:4, 4:6].flatten(1).flatten().tolist()


def test_looking_up_reaches_the_network_as_looking_down() -> None:
    """As released: the mouse turns the camera up, and the rays turn down."""
    up = IDENTITY.repeat(2, 1, 1)
    up[1, :3, :3] = rotations(torch.zeros(()), torch.tensor(0.3)).double()
    relative = framewise_poses(to_matrix_game3(up))
    assert up[1, 1, 2] < 0  # y points down
    assert relative[1, 1, 2].item() == pytest.approx(-up[1, 1, 2].item())


class Injected(CameraInjector, RayEmbedding):
    """Both kinds of layers in one module, as a test needs them."""

    def __init__(self) -> None:
        super().__init__()
        self.build_camera_injector(8, operations=nn)
        self.build_ray_embedding(8, 2, operations=nn)


def test_layers_bear_the_released_names_and_a_camera_of_zeros_changes_little() -> None:
    module = Injected()
    names = {key.rpartition(".")[0] for key in module.state_dict()}
    assert names == {
        "cam_injector_layer1", "cam_injector_layer2", "cam_scale_layer", "cam_shift_layer",
        "patch_embedding_wancamctrl", "c2ws_hidden_states_layer1", "c2ws_hidden_states_layer2",
    }  # fmt: skip
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    camera = module.embed_rays(torch.randn(1, 5, 6 * 2 * 2 * 4))
    shift, gain = module.camera_modulation(camera)
    assert not shift.any() and (gain == 1).all()
