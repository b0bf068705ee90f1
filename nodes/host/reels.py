"""Reels for the page: what a rollout shows is kept as small pictures, from which the page plays and scrubs the walk.

Nobody pays for them who does not look: they are made only for a page that said that it has players, and not for
scripts. They lie in the host's folder for temporary files, as previews do, and what is known of them is forgotten with
the process. A walk's pictures are found again by its chunks' names, so that other nodes show them without decoding.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sys
import threading
from collections import OrderedDict, deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import comfy.sd
import folder_paths
from comfy_execution.utils import get_executing_context
from torch import Tensor

from ...worldmodel.binding.unbind import told_track
from ...worldmodel.reading.json_text import shown
from ...worldmodel.shown.reel import COLUMNS, Strip, StripWriter, reel_size, told_runs
from ...worldmodel.track.timeline import held_spans
from ...worldmodel.variants import Variant
from ...worldmodel.world.journal import chunk_names
from ...worldmodel.world.state import Controls, World, picture_size, rewind, variant_of
from . import decoder, progress

log = logging.getLogger(__name__)
EVENT = "wm_reel"
"""Of the host's socket, and the key of a node's `ui`."""
FOLDER = "worldmodel/reels"
MOST_BYTES = 1_000_000_000
"""That strips may take on the disk; beyond, the oldest go."""
_READ = 65536
"""Bytes of a VAE's tensors, each, that tell it from others."""


class _Page(NamedTuple):
    """Who looks at the node that is running."""

    client: str
    node: str


class Shelf:
    """Which strips are there, by the name of their chunk and that of the VAE that decoded it."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        """Begin with none."""
        self._most_bytes, self._bytes = most_bytes, 0
        self._files: deque[Strip] = deque()
        self._chunks: OrderedDict[str, dict[str, tuple[Strip, ...]]] = OrderedDict()
        self._turn = threading.Lock()

    def add(self, strip: Strip) -> None:
        """Count a strip that was written, and take the oldest away where there are too many."""
        with self._turn:
            self._files.append(strip)
            self._bytes += strip.bytes
            while self._bytes > self._most_bytes and len(self._files) > 1:
                oldest = self._files.popleft()
                self._bytes -= oldest.bytes
                with suppress(OSError):  # somebody has emptied the folder, or looks at it just now
                    oldest.path.unlink()

    def name(self, chunk: str, vae: str, strips: Sequence[Strip]) -> None:
        """Say whose strips these are."""
        with self._turn:
            kept = self._chunks.setdefault(chunk, {})
            kept.pop(vae, None)  # else it would stay in its old place in the order
            kept[vae] = tuple(strips)
            self._chunks.move_to_end(chunk)
            while len(self._chunks) > 20 * max(1, len(self._files)):
                self._chunks.popitem(last=False)

    def find(self, chunk: str, vae: str = "") -> tuple[Strip, ...]:
        """Return the strips of a chunk; none where one is missing. vae: ""; whichever came last."""
        with self._turn:
            kept = self._chunks.get(chunk, {})
            strips = kept.get(vae or next(reversed(kept), ""), ())
        return strips if all(strip.path.is_file() for strip in strips) else ()

    def vae_of(self, chunk: str) -> str:
        """Return the name of the VAE that decoded a chunk last; "" for none."""
        with self._turn:
            return next(reversed(self._chunks.get(chunk, {})), "")


SHELF = Shelf()
_PAGES: set[str] = set()


def follow(question: dict[str, Any]) -> dict[str, Any]:
    """Take down a page that has players, by the name that the host's socket gave it.

    Raises:
        ValueError: it is no name.
    """
    client = question.get("client")
    if not isinstance(client, str) or not 0 < len(client) <= 200:
        raise ValueError(f"client: found {shown(client)}, expected the name of the page's socket; reload the page.")
    sockets = _server().sockets
    _PAGES.intersection_update(list(sockets))
    _PAGES.add(client)
    return {}


QUESTIONS = {"follow": follow}


def _server() -> Any:
    return sys.modules["server"].PromptServer.instance


def page() -> _Page | None:
    """Return the page that queued what is running and follows it; `None`: nobody looks."""
    context = get_executing_context()
    if context is None or "server" not in sys.modules:
        return None
    client = getattr(_server(), "client_id", None)
    return _Page(client, context.node_id) if client in _PAGES and client in _server().sockets else None


def vae_name(vae: comfy.sd.VAE) -> str:
    """Return what tells a VAE from others well enough for pictures that are only looked at, 16 hex digits."""
    digest = hashlib.sha256()
    for name, tensor in vae.first_stage_model.state_dict().items():
        digest.update(f"|{name}|{tuple(tensor.shape)}".encode())
        if name.startswith(("decoder", "conv2")) and name.endswith("bias"):
            few = tensor.detach().flatten()[:_READ].float().cpu()
            digest.update(few.numpy().tobytes())
    return digest.hexdigest()[:16]


class Reel:
    """The strips of one walk while they are made, and what the page is told of them."""

    def __init__(self, looks: _Page, world: World, told: Sequence[Controls], fps: float, vae: str, part: int = 0):
        """Begin behind a world, and tell the page.

        Args:
            looks: who.
            world: whose own frames come first, as far as they are kept.
            told: controls of the chunks that will come; none, if the world is finished.
            fps: frames per second.
            vae: name of the one that decodes.
            part: number of this walk among those that one node shows.
        """
        self._looks, self._vae, self._part = looks, vae, part
        self._variant = variant_of(world.start)
        self._before = kept_strips(world, vae)
        self._first = len(world.chunks) - len(self._before)
        self._begins = len(world.chunks)
        self._made: list[Strip] = []
        self._size = picture_size(world.start)
        controls = [*(chunk.controls for chunk in world.chunks[self._first :]), *told]
        self._facts = _facts(self._variant, self._first, self._begins, controls, fps, self._size)
        self._writer: StripWriter | None = None
        self.off = ""
        """Why no more strips are made."""
        folder = Path(folder_paths.get_temp_directory(), FOLDER)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            length = self._variant.chunking.frames
            self._writer = StripWriter(folder, self._begins, length, self._told)
        except OSError as error:
            self._stop(error)
        self._send(begin=self.told())

    def append(self, frames: Tensor) -> None:
        """Take frames (F, H, W, 3) in 0..1 that follow one another, in whatever thread."""
        if self._writer is None:
            return
        try:
            self._writer.append(frames)
        except OSError as error:
            self._stop(error)

    def finish(self, grown: World) -> None:
        """Name the strips, so that they are found again by the chunks of the grown world."""
        names = chunk_names(grown)
        for chunk in range(self._begins, len(grown.chunks)):
            strips = [strip for strip in self._made if strip.chunk == chunk]
            if sum(strip.frames for strip in strips) == self._variant.chunking.frames(chunk):
                SHELF.name(names[chunk], self._vae, strips)

    def told(self) -> dict[str, Any]:
        """Return what the page needs to know, plain values."""
        strips = [*(strip for strips in self._before for strip in strips), *self._made]
        return {**self._facts, "strips": [_named(strip) for strip in strips], "off": self.off}

    def _told(self, strip: Strip) -> None:
        SHELF.add(strip)
        self._made.append(strip)
        self._send(strip=_named(strip))

    def _send(self, **said: Any) -> None:
        client, node = self._looks
        _server().send_sync(EVENT, {"node": node, "part": self._part, **said}, client)

    def _stop(self, error: OSError) -> None:
        self._writer = None
        self.off = (
            f"player: found no way to keep its pictures ({error.strerror or error}), expected a folder with room."
        )
        log.warning("World Model: %s", self.off)


def _named(strip: Strip) -> list[Any]:
    return [strip.path.name, strip.frames]


def _facts(
    variant: Variant, first: int, begins: int, told: Sequence[Controls], fps: float, size: Sequence[int]
) -> dict[str, Any]:
    """Return what is known of a reel before there is a picture; frames count from its own first one."""
    offset, height, width = variant.chunking.first_frame(first), *reel_size(*size)
    marks = [variant.chunking.first_frame(first + index) - offset for index in range(len(told) + 1)]
    return {
        "version": 1,
        "folder": FOLDER,
        "rate": fps,
        "width": width,
        "height": height,
        "columns": COLUMNS,
        "offset": offset,
        "begins": variant.chunking.first_frame(begins) - offset if begins < first + len(told) else 0,
        "marks": marks[:-1],
        "frames": marks[-1],
        **told_runs(told_track(told, variant, first)),
    }


def kept_strips(world: World, vae: str = "") -> list[tuple[Strip, ...]]:
    """Return the strips of a world's last chunks, as far back as they are kept without a gap.

    Args:
        world: of any variant.
        vae: name of the one that decoded them; "": that which decoded the last chunk.
    """
    names = chunk_names(world)
    vae = vae or (SHELF.vae_of(names[-1]) if names else "")
    found: deque[tuple[Strip, ...]] = deque()
    for name in reversed(names):
        strips = SHELF.find(name, vae) if vae else ()
        if not strips:
            break
        found.appendleft(strips)
    return list(found)


def open_reel(
    world: World, told: Sequence[Controls], world_vae: comfy.sd.VAE, fps: float, part: int = 0
) -> Reel | None:
    """Begin the reel of a walk into a world; `None` if nobody looks. See `Reel`."""
    looks = page()
    return None if looks is None else Reel(looks, world, told, fps, vae_name(world_vae), part)


def kept_reel(world: World, world_vae: comfy.sd.VAE | None = None) -> dict[str, Any] | None:
    """Return what the page needs to play a world, as far as its pictures are kept; `None` if nobody looks, or none is.

    Args:
        world: of any variant.
        world_vae: which decoded them; `None`: whichever decoded the last chunk.
    """
    if page() is None:
        return None
    kept = kept_strips(world, "" if world_vae is None else vae_name(world_vae))
    first, variant = len(world.chunks) - len(kept), variant_of(world.start)
    told = [chunk.controls for chunk in world.chunks[first:]]
    facts = _facts(variant, first, first, told, variant.fps, picture_size(world.start))
    return {**facts, "strips": [_named(strip) for strips in kept for strip in strips], "off": ""} if kept else None


def make_rest(world: World, world_vae: comfy.sd.VAE) -> None:
    """Decode the chunks of a world whose pictures are not kept, for the page that looks; for nobody nothing is done."""
    looks, vae, chunking = page(), vae_name(world_vae), variant_of(world.start).chunking
    if looks is None:
        return
    missing = held_spans(not SHELF.find(name, vae) for name in chunk_names(world))
    bar = progress.Progress(sum(count for _, count in missing))
    for first, count in missing:
        part = rewind(world, first + count)
        told = [chunk.controls for chunk in part.chunks[first:]]
        reel = Reel(looks, rewind(world, first), told, variant_of(world.start).fps, vae)
        ends = chunking.first_frame(first), chunking.first_frame(first + count) - 1
        frame = ends[0]
        for pictures in decoder.decode_frames(world_vae, world, *ends):
            reel.append(pictures)
            before, frame = frame, frame + len(pictures)
            bar.advance(chunking.chunk_of(frame) - chunking.chunk_of(before))
        reel.finish(part)


def results(*reels: Reel | dict[str, Any] | None) -> dict[str, list[str]]:
    """Return reels as part of a node's `ui`; as texts, so that the host takes none of it for a file of its own."""
    told = [reel.told() if isinstance(reel, Reel) else reel for reel in reels if reel is not None]
    return {EVENT: [json.dumps(one) for one in told]} if told else {}
