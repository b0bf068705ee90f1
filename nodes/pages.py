"""The journal's part in a rollout: what is there already, and a place for what is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..worldmodel.reading.words import counted
from ..worldmodel.rollout.samplers import Settings
from ..worldmodel.world.chunk_file import Expected
from ..worldmodel.world.journal import Journal, parent_key
from ..worldmodel.world.lineage import Lineage
from ..worldmodel.world.state import Chunk, World
from .host import identity, journal, progress
from .host.identity import ModelNames

if TYPE_CHECKING:
    from .rolling import Plan


class Pages:
    """The journal's part in one rollout: the chunks that are there already, and a place for those that are made."""

    def __init__(self, book: Journal | None, names: ModelNames, world: World, plan: Plan, off: str = ""):
        """Look every chunk up.

        Args:
            book: `None`: finished chunks are not kept.
            names: of the model; without any of them there is no `book`.
            world: where the rollout begins.
            plan: of the rollout.
            off: why there is no `book`.
        """
        self.model = names.content or names.own
        self.keys = [""] * len(plan.controls)
        self.found: list[Chunk | None] = [None] * len(plan.controls)
        self.made = self.kept = 0
        self.trouble = off and f"journal: off, because {off}; finished chunks are not kept, and Stop loses them."
        self._lineage, self._root, self._on_disk = None, "", plan.on_disk
        if book is None:
            return
        book.enter(world)
        self._lineage = lineage_of(book, names, plan.settings, plan.on_disk)
        parent = self._root = parent_key(world)
        for number, controls in enumerate(plan.controls):
            expected = Expected(world.start, len(world.chunks) + number, controls, plan.seed)
            parent, self.found[number] = self._lineage.find(parent, expected)
            self.keys[number] = parent

    @property
    def taken(self) -> int:
        """Chunks that were there."""
        return sum(chunk is not None for chunk in self.found)

    def keep(self, number: int, chunk: Chunk) -> Chunk:
        """Put a finished chunk into the journal; where that fails the rollout goes on, and the user is told.

        Returns:
            The chunk; its latents are left in the file, where that was asked for.
        """
        self.made += 1
        if self._lineage is None:
            return chunk
        try:
            kept = self._lineage.keep(chunk, self.keys[number - 1] if number else self._root)
            self.kept += 1
            return kept
        except OSError as error:
            if not self.trouble:
                self.trouble = not_kept(error)
                progress.tell(self.trouble)
        return chunk

    def sentences(self) -> list[str]:
        """Say what the journal did."""
        did = f"{counted(self.taken, 'chunk')} from the journal on disk, {self.made} computed."
        lost = self._on_disk and self.trouble and "keep_latents: those that the journal could not keep stay in memory."
        return [*([did] if self.taken else []), *filter(None, [self.trouble, lost])]


def lineage_of(book: Journal, names: ModelNames, settings: Settings, on_disk: bool = False) -> Lineage:
    """Return what a model makes under some settings, as the journal knows it, whatever name the model went by."""
    known = [names.own, names.other, *(book.other_names(names.content, names.own) if names.content else ())]
    return Lineage(book, known, settings.plain(), on_disk)


def not_kept(error: OSError) -> str:
    """Say that a finished chunk could not be kept, and what to do."""
    return (
        f"journal: found no way to keep finished chunks ({error.strerror or error}), expected a folder with room; make "
        "room on the disk, else Stop loses them."
    )


def open_book(model: Any, hidden: Any, vae: Any = None) -> tuple[Journal | None, ModelNames, str]:
    """Open the host's journal for a model.

    Args:
        hidden: the node's hidden inputs, with the graph; `None` outside of one.
        vae: that decides about chunks, too; `None`: none does.

    Returns:
        The journal (`None`: nothing is kept), the model's names, and why nothing is kept.
    """
    graph = (hidden.dynprompt, hidden.unique_id) if hidden else (None, None)
    names = identity.model_names(model, *graph, vae)
    book = journal.open_journal() if names.own else None
    return book, names, names.trouble if not names.own else "" if book else "its size in ComfyUI's settings is 0"


def open_pages(model: Any, world: World, plan: Plan, hidden: Any) -> Pages:
    """Look a rollout up in the host's journal; `hidden` as in `open_book`."""
    book, names, off = open_book(model, hidden, plan.chained_by)
    pages = Pages(book, names, world, plan, off)
    if pages.trouble:
        progress.tell(pages.trouble)  # where it shows while there is still time to do something about it
    return pages
