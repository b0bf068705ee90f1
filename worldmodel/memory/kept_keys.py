"""What a causal model keeps of its past, and what it makes again when the prompt changes: a policy, as data."""

from __future__ import annotations

from typing import NamedTuple

from ..reading.words import shortened

TEXT_ONLY, LAST_BLOCK, LAST_TWO, WINDOW, WINDOW_AND_SINK = (
    "text only", "last block", "last two blocks", "window", "window and sink",
)  # fmt: skip
BLOCKS = {TEXT_ONLY: 0, LAST_BLOCK: 1, LAST_TWO: 2}
"""How many of the last blocks are made again, where it is so many and not the whole window."""
RECACHES = (LAST_BLOCK, TEXT_ONLY, LAST_TWO, WINDOW, WINDOW_AND_SINK)
"""What is made again, the default first."""
AS_COMPUTED, INT8 = "as computed", "int8"
STORES = (AS_COMPUTED, INT8)


class KeptKeys(NamedTuple):
    """How keys and values are kept.

    Args:
        recache: what is made again under a new prompt, one of `RECACHES`.
        store: how they are stored, one of `STORES`.
        relative: whether positions are counted within the window, instead of from the world's beginning.
    """

    recache: str = LAST_BLOCK
    store: str = AS_COMPUTED
    relative: bool = False


def check_kept_keys(policy: KeptKeys) -> None:
    """Check a policy.

    Raises:
        ValueError: the field, what was found, what was expected.
    """
    for name, known in (("recache", RECACHES), ("store", STORES)):
        found = getattr(policy, name)
        if found not in known:
            raise ValueError(
                f"{name}: found {shortened(str(found))!r}, expected one of {', '.join(known)}; choose one."
            )
