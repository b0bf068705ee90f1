"""Rotary positions as formulas: no tables, hence no longest rollout.

Shapes: N positions, d numbers per head, r = rotated pairs (r <= d / 2).
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

COMPLEX_DEVICES = ("cpu", "cuda", "meta")
"""Where complex products are known to work and to be fast: one kernel in place of eight; and where they are counted."""


class Rotation(NamedTuple):
    """Cosine and sine of every rotated pair of a head."""

    turns: Tensor
    """(N, r, 2) float32."""

    @property
    def cos(self) -> Tensor:
        """(N, r)."""
        return self.turns[..., 0]

    @property
    def sin(self) -> Tensor:
        """(N, r)."""
        return self.turns[..., 1]


def as_float64(tensor: Tensor) -> Tensor:
    """Return `tensor` in float64; on the CPU where the device (Apple's MPS) has no such type."""
    return (tensor.cpu() if tensor.device.type == "mps" else tensor).double()


def axis_angles(positions: Tensor, size: int, theta: float) -> Tensor:
    """Return position * theta^(-2j / size) for the size / 2 pairs of one axis.

    Args:
        positions: (N,) absolute positions.
        size: numbers of a head that belong to this axis.
        theta: base of the frequencies.

    Returns:
        (N, size / 2) angles in radians, float64.
    """
    places = as_float64(positions)
    return places[:, None] * _frequencies(size, theta, places.device)


@cache
def _frequencies(size: int, theta: float, device: torch.device) -> Tensor:
    with torch.inference_mode(False):  # it outlives whoever asks first
        powers = torch.arange(0, -size, -2, device=device, dtype=torch.float64) / size
        return torch.pow(torch.tensor(theta, dtype=torch.float64, device=device), powers)


def rotation(angles: Tensor, device: torch.device) -> Rotation:
    """Return the rotation by float64 angles (N, r), on `device`."""
    return Rotation(torch.stack((angles.cos(), angles.sin()), dim=-1).to(device, torch.float32))


def grid_rotation(latents: Tensor, height: int, width: int, size: int, places: Tensor | None = None) -> Rotation:
    """Return the rotation of Wan's video tokens (arXiv:2503.20314).

    Args:
        latents: (T,) absolute latent indices; they may repeat and need not be sorted.
        height, width: token grid of one latent.
        size: numbers per head, split into time | height | width.
        places: of `place_turns`, where they are known.

    Returns:
        Rotation of T * height * width positions and size / 2 pairs, tokens in (t, h, w) order.
    """
    places = place_turns(height, width, size, latents.device) if places is None else places
    times = rotation(axis_angles(latents, size - 2 * places.shape[-2], 10000.0), latents.device).turns
    grid = (len(latents), height, width, -1, -1)
    return Rotation(torch.cat((times[:, None, None].expand(grid), places.expand(grid)), dim=-2).flatten(0, 2))


def place_turns(height: int, width: int, size: int, device: torch.device) -> Tensor:
    """Return what all latents of `grid_rotation` have in common: the turns of places, (height, width, r, 2)."""
    spatial = 2 * (size // 6)
    rows, columns = (
        rotation(axis_angles(torch.arange(side, device=device), spatial, 10000.0), device).turns
        for side in (height, width)
    )
    grid = (height, width, -1, -1)
    return torch.cat((rows[:, None].expand(grid), columns.expand(grid)), dim=-2)


def turn_matrices(angles: Tensor, device: torch.device) -> Tensor:
    """Return (N, r, 2, 2) float32 of float64 angles (N, r): [cos, sin], then [-sin, cos], for `rotate_part`."""
    cos, sin = angles.cos(), angles.sin()
    both = torch.stack((cos, sin, -sin, cos), dim=-1).unflatten(-1, (2, 2)).to(device, torch.float32)
    # the turns themselves side by side in memory: a CPU rounds otherwise where they are not
    return both.movedim(-2, 0).contiguous().movedim(0, -2)


def head_bases(heads: int, spread: float, theta: float = 10000.0) -> Tensor:
    """Return a base for every head, evenly spaced over theta * (1 - spread) ... theta * (1 + spread): (H,) float64."""
    return theta * (1 + spread * torch.linspace(-1, 1, heads, dtype=torch.float64))


def headwise_angles(positions: Tensor, size: int, bases: Tensor) -> Tensor:
    """Return what `axis_angles` does for every head's own base.

    Args:
        positions: (..., N) absolute positions.
        size: numbers of a head that belong to this axis.
        bases: (H,) float64, on the CPU.

    Returns:
        (..., N, H, size / 2) angles in radians, float64.
    """
    places = as_float64(positions)
    powers = torch.arange(0, size, 2, dtype=torch.float64) / size
    return places[..., None, None] * torch.pow(bases[:, None], -powers).to(places.device)


def headwise_grid_turns(latents: Tensor, height: int, width: int, size: int, bases: Tensor) -> tuple[Tensor, ...]:
    """Return what `grid_rotation` does for every head's own base, which holds for all three axes; time by itself.

    Args:
        latents: (T,) absolute latent indices, or (B, T) where clips have their own; they may repeat and need not be
            sorted.
        height, width: token grid of one latent.
        size: numbers per head, split into time | height | width.
        bases: (H,) float64, on the CPU.

    Returns:
        float32 cosines and sines of time, (T, 1, 1, H, r, 2) or (B, T, 1, 1, H, r, 2), and of places,
        (height, width, H, r, 2).
    """
    spatial = 2 * (size // 6)
    axes = (latents, size - 2 * spatial), (torch.arange(height), spatial), (torch.arange(width), spatial)
    time, rows, columns = (rotation(headwise_angles(at, part, bases), latents.device).turns for at, part in axes)
    whole = (height, width, -1, -1, -1)
    places = torch.cat((rows[:, None].expand(whole), columns.expand(whole)), dim=-2)
    return time[..., None, None, :, :, :], places


def rotate_grid(x: Tensor, turns: tuple[Tensor, ...]) -> Tensor:
    """Rotate video tokens by the turns of time and place, which spares a table as large as x.

    Args:
        x: (B, N, H, d), tokens in (t, h, w) order; it may be overwritten.
        turns: of `headwise_grid_turns`.

    Returns:
        x's shape and dtype.
    """
    grid, sizes = (-1, *turns[1].shape[:2]), [2 * part.shape[-2] for part in turns]
    trains = torch.is_grad_enabled()
    room = x if trains or x.dtype == torch.float32 else torch.empty_like(x)
    parts, rooms = (each.unflatten(1, grid).split(sizes, dim=-1) for each in (x, room))  # (B, T, height, width, H, r)
    if trains:
        return torch.cat([rotate(*both) for both in zip(parts, turns, strict=True)], dim=-1).flatten(1, 3)
    for part, turn, place in zip(parts, turns, rooms, strict=True):
        rotate_into(part, turn, part if room is x else place)
    return room


def rotate_first(x: Tensor, turns: Tensor) -> Tensor:
    """Rotate as `rotate` does; where no gradient is wanted, in x itself, so that the rest is not copied."""
    return rotate(x, turns) if torch.is_grad_enabled() else rotate_into(x, turns, x)


def turned(x: Tensor, turns: Tensor) -> Tensor:
    """Rotate as `rotate` does where nobody reads x any more: in x itself in float32, else from x into a new tensor."""
    return rotate_first(x, turns) if x.dtype == torch.float32 else rotate_anew(x, turns)


def rotate_anew(x: Tensor, turns: Tensor) -> Tensor:
    """Rotate as `rotate` does into a new tensor; where no gradient is wanted, nothing is cast for it."""
    return rotate(x, turns) if torch.is_grad_enabled() else rotate_into(x, turns, torch.empty_like(x))


def rotate_part(x: Tensor, matrices: Tensor) -> Tensor:
    """Rotate as `rotate_first` does; in two kernels where x is not float32, whose products take four times its room.

    Args:
        x: (..., d), of whose heads a small part turns.
        matrices: of `turn_matrices`, (..., r, 2, 2), broadcast against x's leading axes.
    """
    if torch.is_grad_enabled() or x.dtype == torch.float32 or torch.compiler.is_compiling():
        return rotate_first(x, matrices[..., 0, :])
    pairs = x[..., : 2 * matrices.shape[-3]].unflatten(-1, (-1, 2))
    of_even, of_odd = (pairs[..., None] * matrices).unbind(-2)
    torch.add(of_even, of_odd, out=pairs)
    return x


def rotate_into(x: Tensor, turns: Tensor, room: Tensor) -> Tensor:
    """Write what `rotate` returns into `room`, of x's shape, which may be x itself; no gradient passes.

    Returns:
        `room`.
    """
    rotated = 2 * turns.shape[-2]
    whole, own = rotated == x.shape[-1], room is x
    if not (whole or own):
        room[..., rotated:] = x[..., rotated:]
    first = x if whole else x[..., :rotated]
    turned = first if own else room if whole else room[..., :rotated]
    if not _is_complex(x):
        turned.copy_(rotate(first, turns))
    elif own and x.dtype == torch.float32:
        _complex(first).mul_(torch.view_as_complex(turns))
    elif x.dtype == room.dtype == torch.float32:
        torch.mul(_complex(first), torch.view_as_complex(turns), out=_complex(turned))
    elif own:  # a part of a head: little enough to be cast
        turned.copy_(torch.view_as_real(_complex(first.float()).mul_(torch.view_as_complex(turns))).flatten(-2))
    else:  # float32 inside the kernels alone
        pairs, (cos, sin) = first.unflatten(-1, (-1, 2)), turns.unbind(-1)
        even, odd = (pairs * cos[..., None]).unbind(-1)
        written = turned.unflatten(-1, (-1, 2))
        torch.addcmul(even, pairs[..., 1], sin, value=-1, out=written[..., 0])
        torch.addcmul(odd, pairs[..., 0], sin, out=written[..., 1])
    return room


def _complex(x: Tensor) -> Tensor:
    """Return a view of interleaved pairs (..., 2r) float32 as (..., r) complex numbers."""
    return x.view(torch.complex64)


def rotate(x: Tensor, turns: Tensor) -> Tensor:
    """Rotate the first 2r numbers of every head, interleaved pairs; the rest passes through.

    Args:
        x: (..., d).
        turns: float32, (..., r, 2) of a `Rotation`, broadcast against x's leading axes.

    Returns:
        x's shape and dtype, computed in float32.
    """
    rotated = 2 * turns.shape[-2]
    pairs = x[..., :rotated].float().unflatten(-1, (-1, 2))
    turned = (complex_product if _is_complex(x) else real_product)(pairs, turns).flatten(-2).to(x.dtype)
    return turned if rotated == x.shape[-1] else torch.cat((turned, x[..., rotated:]), dim=-1)


def _is_complex(x: Tensor) -> bool:
    # a compiler fuses real arithmetic, and leaves complex numbers alone
    return x.device.type in COMPLEX_DEVICES and not torch.compiler.is_compiling()


def real_product(pairs: Tensor, turns: Tensor) -> Tensor:
    """Return the pairs (..., r, 2) turned by (cos, sin) (..., r, 2), written out."""
    (even, odd), (cos, sin) = pairs.unbind(-1), turns.unbind(-1)
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1)


def complex_product(pairs: Tensor, turns: Tensor) -> Tensor:
    """Return the same as a product of complex numbers."""
    return torch.view_as_real(torch.view_as_complex(pairs) * torch.view_as_complex(turns))
