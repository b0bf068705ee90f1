"""How Yume 1.5 compresses its history: the older a latent, the fewer tokens it is cut into.

A rate is a kernel of a patch embedding: at rate 1 a token is 2 x 2 latent pixels, at rate 16 it is 32 x 32, and at
`FARTHEST` latents are halved before that. Every border but the first is counted from the end, so a latent moves from
rate to rate as it ages. No latents are put together in time.

Shapes: n latents of history. Source: Yume 1.5 (github.com/stdstu12/YUME), wan23/modules/model.py.
"""

from __future__ import annotations

from typing import NamedTuple

FARTHEST = 32
"""The rate at which latents are halved by a convolution of their own, and then cut as at rate 16."""
MOST = 1366
"""Latents of history that there is a plan for."""


class Piece(NamedTuple):
    """Neighbouring latents of history at one rate; both borders as in a slice, from the end where negative."""

    rate: int
    first: int
    end: int | None


_RECENT = (Piece(2, -5, -3), Piece(1, -3, None))
_PLANS: tuple[tuple[int, tuple[Piece, ...]], ...] = (
    (1, (Piece(1, 0, 1), Piece(2, 0, 1), Piece(1, 0, 1))),
    (2, (Piece(1, 0, 1), Piece(2, 1, 2), Piece(1, 1, 2))),
    (6, (Piece(1, 0, 1), Piece(2, 1, -1), Piece(1, -1, None))),
    (22, (Piece(1, 0, 1), Piece(4, 1, -5), *_RECENT)),
    (86, (Piece(1, 0, 1), Piece(8, 1, -21), Piece(4, -21, -5), *_RECENT)),
    (342, (Piece(2, 0, 1), Piece(16, 1, -85), Piece(8, -85, -21), Piece(4, -21, -5), *_RECENT)),
    (
        MOST,
        (
            Piece(2, 0, 1), Piece(FARTHEST, 1, -341), Piece(16, -341, -85), Piece(8, -85, -21), Piece(4, -21, -5),
            *_RECENT,
        ),
    ),
)  # fmt: skip
"""Up to how many latents which pieces, in the order of their tokens."""


class Span(NamedTuple):
    """A piece of a history whose length is known: the latents `first` ... `end` - 1."""

    rate: int
    first: int
    end: int


Plan = tuple[Span, ...]


def plan_of(latents: int) -> Plan:
    """Return the pieces of a history, in the order of their tokens; none for an empty one.

    With one or two latents some of them stand in several pieces, as in the release.

    Raises:
        ValueError: the history is longer than `MOST`.
    """
    if not latents:
        return ()
    for most, pieces in _PLANS:
        if latents <= most:
            ends = [(piece, latents if piece.end is None else piece.end % latents or latents) for piece in pieces]
            return tuple(Span(piece.rate, piece.first % latents, end) for piece, end in ends)
    raise ValueError(f"history: found {latents} latents, expected at most {MOST}; leave some in the middle out.")


def uncompressed(latents: int) -> Plan:
    """Return the plan that cuts every latent as finely as a new one: what compression is compared with."""
    return (Span(1, 0, latents),) if latents else ()


def grid_of(rate: int, height: int, width: int) -> tuple[int, int]:
    """Return rows and columns of tokens that a latent of height x width has at a rate; what is cut off is filled up."""
    if rate == FARTHEST:
        height, width, rate = -(-height // 4), -(-width // 4), 16
    side = 2 * rate
    return -(-height // side), -(-width // side)
