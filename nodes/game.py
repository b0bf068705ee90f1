"""A walk and who plays it: orders are followed one after another, and what is made is shown as it is decoded."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor

from ..worldmodel.play import wire
from ..worldmodel.play.walk import Point, Walk
from ..worldmodel.questions import facts_of
from ..worldmodel.reading.json_text import dump
from ..worldmodel.rollout.session import NotFinite
from ..worldmodel.shown.film import FilmWriter, to_bytes
from ..worldmodel.track.track import parse_track
from ..worldmodel.world.journal import fingerprint
from ..worldmodel.world.state import Chunk, frames, picture_size
from .host import play, progress, sampling
from .screen import Screen

JPEG_QUALITY = 90


class Pictures:
    """Sends frames to whoever plays, as they are decoded, in whatever thread; takes the place of a reel."""

    off = ""

    def __init__(self, seat: play.Seat, kind: str, turn: int, frame: int):
        """Args: seat: of the player. kind: of pictures. turn, frame: of the first one that will come."""
        self._seat, self._kind, self._turn, self._frame = seat, kind, turn, frame

    def append(self, pictures: Tensor) -> None:
        """Send frames (F, H, W, 3) in 0..1 that follow one another."""
        for pixels in to_bytes(pictures):
            height, width = pixels.shape[:2]
            header = wire.header(wire.Header(self._kind, self._turn, self._frame, width, height))
            self._seat.show(header + (pixels.tobytes() if self._kind == "rgb" else _jpeg(pixels)))
            self._frame += 1
        if len(pictures):
            self._seat.put(play.Seen())


def _jpeg(pixels: Any) -> bytes:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", quality=JPEG_QUALITY)
    return data.getvalue()


class Film:
    """The film, written while the walk is played; given up once some of it was taken back."""

    def __init__(self, writer: FilmWriter):
        """Args: writer: of the film, opened."""
        self.writer: FilmWriter | None = writer

    @property
    def frames(self) -> int:
        """That are in it."""
        return self.writer.frames if self.writer is not None else 0

    def append(self, pictures: Tensor) -> None:
        """Take frames that follow one another."""
        if self.writer is not None:
            self.writer.append(pictures)

    def give_up(self) -> None:
        """Write no more; what was written is no film of the walk."""
        if self.writer is not None:
            self.writer.discard()
        self.writer = None

    def finished(self, wanted: int) -> Path | None:
        """Complete it; `None` where it does not have as many frames as the walk."""
        if self.frames != wanted or not wanted:
            self.give_up()
            return None
        self.writer.close()
        return self.writer.path


class Game:
    """A walk, who plays it, and what they see of it."""

    def __init__(self, walk: Walk, seat: play.Seat, world_vae: Any, stage: sampling.Stage, film: Film, fps: float):
        """Begin; nobody has come yet. fps: at which the frames are meant to be seen."""
        self._fps = fps
        self.walk, self._seat, self._vae, self._stage, self._film = walk, seat, world_vae, stage, film
        self._pictures = seat.manner.pictures
        self._screen: Screen | None = None
        self._stack = ExitStack()
        self.bar = progress.Progress(walk.limit)
        self._uncounted = 0  # frames that the bar does not show yet
        self._greet()

    def __enter__(self) -> Game:
        return self

    def __exit__(self, *_: Any) -> None:
        self._stack.close()

    def run(self) -> str:
        """Take orders until the walk ends; returns why it did, one of `wire.WHYS`."""
        while True:
            item = self._seat.next(self._look)
            if item is None:
                return "idle"
            if isinstance(item, play.Left):
                if not self._seat.manner.stays:
                    return "left"
                self._show_as(self._seat.manner.pictures)
                continue
            if isinstance(item, play.Seen):
                self._catch_up()
                continue
            if isinstance(item, wire.Refused):
                self._seat.tell(wire.refusal(item.id, item))
                continue
            if item.do == "close":
                return "closed"
            self._answer(item)
            if not self.walk.next_frames and not self._seat.manner.stays:
                return "limit"

    def finish(self) -> None:
        """Decode what is still to be seen; where the decoder heard Stop, the film is made when it is asked for."""
        try:
            self._count()
            if self._screen is not None:
                self._screen.finish(self.bar)
        except progress.Stopped:
            self._close_screen()
            self._film.give_up()

    def state(self) -> dict[str, Any]:
        """Say where the walk stands, in plain values."""
        walk = self.walk
        return {
            "frames": walk.added, "next": walk.next_frames, "chunks": walk.chunks, "limit": walk.limit,
            "seed": wire.seed_said(walk.seed), "turn": walk.turn,
        }  # fmt: skip

    def _answer(self, order: wire.Order) -> None:
        """Do what is asked, and say so; an order that cannot be followed changes nothing."""
        before, turn = self.walk.added, self.walk.turn
        try:
            more, after = _DOES[order.do](self, order.values)
        except ValueError as error:
            self._seat.tell(wire.refusal(order.id, error))
            return
        if self.walk.turn != turn:
            self.bar.advance(self.walk.added - before)
            self._close_screen()  # before the answer, so that no picture of another walk comes after it
            if before:
                self._film.give_up()
        self._greet()
        way = {"from": 0, "points": self._way(0)} if self.walk.turn != turn else {"from": before, "points": []}
        if order.do == "step":
            way["points"] = self._way(before)
        self._seat.tell(wire.answer("done", id=order.id, do=order.do, state=self.state(), way=way, **more))
        if after is not None:
            after()
        if self._screen is None or self._seat.manner.stays:
            self._catch_up()  # else when the first pictures have been sent: a page shares the cores with its browser

    def _catch_up(self) -> None:
        """Move the bar, for which the page draws, and do what the next chunk needs first; while nobody waits for it."""
        self._count()
        with suppress(NotFinite):  # the next step runs into it again, and is refused with it
            self.walk.catch_up()

    def _count(self) -> None:
        done, self._uncounted = self._uncounted, 0
        if done:
            self.bar.advance(done)

    def _step(self, values: dict[str, Any]) -> tuple[dict[str, Any], Callable[[], None]]:
        controls = values["controls"]
        piece = parse_track(controls if isinstance(controls, str) else dump(controls))
        if self._pictures != "none" and self._screen is None:
            self._open_screen()
        began = time.perf_counter()
        step = self.walk.step(piece)
        seconds = time.perf_counter() - began
        self._uncounted += piece.frames
        return {"seconds": round(seconds, 4), "made": step.made}, partial(self._show, step.chunk)

    def _hello(self, values: dict[str, Any]) -> tuple[dict[str, Any], None]:
        self._show_as(values.get("pictures", self._pictures))
        return {"version": wire.VERSION, "pictures": self._pictures}, None

    def _show_as(self, pictures: str) -> None:
        if pictures != self._pictures:
            self._close_screen()
            self._pictures = pictures

    def _show(self, chunk: Chunk) -> None:
        if self._screen is None:
            self._film.give_up()  # nobody looks, so it is made in the end, where it is wanted
        else:
            self._screen.show(chunk, False, self.bar)

    def _look(self) -> None:
        """Hear Stop, and what went wrong while decoding."""
        progress.let_stop_through()
        if self._screen is not None:
            self._screen.look(self.bar)

    def _open_screen(self) -> None:
        pictures = Pictures(self._seat, self._pictures, self.walk.turn, self.walk.added)
        screen = Screen(self._film, self._vae, self.walk.world, self._stage, pictures)
        self._screen = self._stack.enter_context(screen)

    def _close_screen(self) -> None:
        if self._screen is not None:
            self._screen = None
            self._stack.close()

    def _way(self, begins: int) -> list[list[float]]:
        return _rounded(self.walk.way(begins))

    def _greet(self) -> None:
        """Say what whoever comes is told first."""
        walk, fps, pictures = self.walk, self._fps, self._pictures
        variant, start, state, way = walk.variant, walk.world.start, self.state(), walk.way()
        first_frame = frames(walk.world) - walk.added

        def first() -> str:
            height, width = picture_size(start)
            about = {
                "model": variant.title, "variant": facts_of(variant), "fps": fps, "width": width,
                "height": height, "reads_text": variant.text is not None, "walks": variant.walks,
                "first_frame": first_frame, "pictures": pictures,
            }  # fmt: skip
            points = {"from": 0, "points": _rounded(way)}
            return wire.answer("open", version=wire.VERSION, about=about, state=state, way=points)

        self._seat.welcome(first)


def _rounded(way: Sequence[Point]) -> list[list[float]]:
    return [[round(number, 3) for number in place] for place in way]


_DOES: dict[str, Callable[[Game, dict[str, Any]], tuple[dict[str, Any], Callable[[], None] | None]]] = {
    "hello": Game._hello,
    "step": Game._step,
    "rewind": lambda game, values: (game.walk.take_back(values["chunks"]) or {}, None),
    "seed": lambda game, values: (game.walk.reseed(values["seed"]) or {}, None),
    "reset": lambda game, values: (game.walk.reset(values.get("seed")) or {}, None),
    "save": lambda game, _: ({"place": game.walk.save()}, None),
    "fork": lambda game, values: (game.walk.fork(values["place"], values.get("seed")) or {}, None),
    "drop": lambda game, values: (game.walk.drop(values["place"]) or {}, None),
    "state": lambda game, _: ({"world": fingerprint(game.walk.world)}, None),
}
