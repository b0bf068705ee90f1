"""Film World: a world as a film in the output folder, or as pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from comfy_api.latest import io, ui
from torch import Tensor
from torch.nn.functional import interpolate

from ..worldmodel.binding.unbind import walked_track
from ..worldmodel.formats.camera_set import IMAGES as PICTURES
from ..worldmodel.formats.frames import picture_name
from ..worldmodel.layers.threads import few_threads
from ..worldmodel.reading.words import counted
from ..worldmodel.shown.film import FilmWriter, film_scale
from ..worldmodel.shown.overlay import MAX_SCALE, ControlsPen, enlarged
from ..worldmodel.shown.side_by_side import Span
from ..worldmodel.storage.pixels import to_bytes
from ..worldmodel.storage.writing import Numbered
from ..worldmodel.world.moments import extent_of, frames_between, parse_moment
from ..worldmodel.world.state import World as WorldState
from ..worldmodel.world.state import picture_size
from .host import decoder, files, films, progress, runs, saved
from .host.upscale import Upscaler
from .rolling import check_vae
from .schema import CATEGORY, FPS, check_fps, validated
from .types import World

CRISP, SMOOTH = "pixels", "smooth"
PLAIN, CONTROLS, BOTH = "none", "controls", "controls and path"
MP4, PNG = "mp4", "PNG sequence"
ENDINGS = {MP4: ".mp4", PNG: "/"}
IMAGES = 1
"""Number of the output that is only made for those who take it."""
FILM = "worldmodel/film"


class FilmWorld(io.ComfyNode):
    """A world as a film."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMFilmWorld",
            display_name="Film World",
            category=CATEGORY,
            description="Writes a world, or some of it, as a film into the output folder, enlarged if it is small, "
            "with the controls drawn on it if wished; or as numbered PNG pictures. The film is written piece by piece, "
            "so a long one takes no more memory.",
            search_aliases=[
                "save video",
                "mp4",
                "export video",
                "png sequence",
                "image sequence",
                "upscale",
                "render",
                "decode",
            ],
            inputs=_inputs(),
            outputs=[
                io.Video.Output(display_name="film", tooltip="The film that was written."),
                io.Image.Output(
                    display_name="images",
                    tooltip="Its pictures, all in memory; made only if something is connected here.",
                ),
            ],
            hidden=[io.Hidden.dynprompt, io.Hidden.unique_id, io.Hidden.prompt, io.Hidden.extra_pnginfo],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(
        cls, filename_prefix: str | None = None, first: str | None = None, last: str | None = None,
        fps: float | None = None,
    ) -> bool | str:  # fmt: skip
        """Name a mistake when the graph is queued, and a folder that will not take the film."""
        checks = (
            validated(lambda prefix: files.check_prefix(prefix, ENDINGS[MP4]), filename_prefix),
            validated(partial(parse_moment, field="first"), first),
            validated(partial(parse_moment, field="last"), last),
            validated(check_fps, fps),
            validated(lambda _: files.check_films(), ""),
        )
        return next((said for said in checks if said is not True), True)

    @classmethod
    def fingerprint_inputs(cls, **_: object) -> bool:
        """Run again when something is connected to the pictures, which were not made before."""
        return runs.is_linked(IMAGES)

    @classmethod
    def execute(
        cls, world: WorldState, vae: Any, first: str = "", last: str = "", scale: int = 0, enlarge: str = CRISP,
        overlay: str = PLAIN, format: str = MP4, fps: float = 0.0, filename_prefix: str = FILM,
        upscale_model: Any = None,
    ) -> io.NodeOutput:  # fmt: skip
        """Check everything, then decode, draw and write piece by piece."""
        check_fps(fps)
        check_scale(scale)
        check_vae(world, vae)
        shot = plan_shot(world, vae, (first, last), fps)
        shot = shot._replace(look=_look(world, scale, enlarge == SMOOTH, overlay, upscale_model))
        taken = runs.is_linked(IMAGES, cls.hidden.dynprompt if cls.hidden else None)
        told = saved.workflow_told(cls.hidden)
        target = files.new_file(filename_prefix, ENDINGS[format])
        gathered = Gathered(shot.frames) if taken else None
        path, film = (write_pictures if format == PNG else write_film)(shot, target, told, gathered)
        report = describe(shot, path)
        progress.tell(report)
        (result,) = files.results([film])["files"]
        shown = ui.PreviewVideo([ui.SavedResult(**{**result, "type": io.FolderType(result["type"])})]).as_dict()
        written = files.results([path / PICTURES / picture_name(shot.span.first)] if format == PNG else [])
        return io.NodeOutput(
            films.kept_film(film, lambda: film_again(shot)),
            gathered.images if gathered else None,
            ui={**shown, **written, "text": [report]},
        )


def _inputs() -> list[io.Input]:
    """Describe what is filmed, how it looks and where it is written."""
    return [
        World.Input("world", tooltip="A world that has been rolled out."),
        io.Vae.Input("vae", tooltip="The VAE that belongs to it."),
        io.String.Input(
            "first",
            default="",
            tooltip="Where the film begins: a frame such as 33, a second such as 2.5s, a chunk such as c3; -2s is 2 "
            "seconds before the end. Empty: the start.",
        ),
        io.String.Input("last", default="", tooltip="Where it ends, written in the same way. Empty: the end."),
        io.Int.Input(
            "scale",
            default=0,
            min=0,
            max=MAX_SCALE,
            tooltip="How many times as large the pictures are. 0: small ones at least 768 wide, others as they are, "
            "and with an upscale model as large as it makes them.",
        ),
        io.Combo.Input(
            "enlarge",
            options=[CRISP, SMOOTH],
            tooltip="How pictures are enlarged where no upscale model does it: square pixels, or bicubic.",
        ),
        io.Combo.Input(
            "overlay", options=[PLAIN, CONTROLS, BOTH], tooltip="Draws keys, mouse and frame number, and the path."
        ),
        io.Combo.Input(
            "format",
            options=[MP4, PNG],
            tooltip="A film, or a folder of pictures named as Save Track names them for COLMAP and nerfstudio.",
        ),
        io.Float.Input("fps", **FPS, tooltip="Frames per second of the film. 0: the model's own."),
        io.String.Input(
            "filename_prefix", default=FILM, tooltip="Name inside the output folder; a number and .mp4 are added."
        ),
        io.UpscaleModel.Input(
            "upscale_model",
            optional=True,
            tooltip="Enlarges the pictures, from Load Upscale Model. It looks at each one alone, so fine detail may "
            "flicker.",
        ),
    ]


class Look(NamedTuple):
    """How pictures are shown."""

    scale: int = 1
    """Whole factor of the film; 0 with an upscale model: its own."""
    factor: float = 1.0
    """How many times as large the pictures come out."""
    smooth: bool = False
    upscaler: Upscaler | None = None
    pen: ControlsPen | None = None


class Shot(NamedTuple):
    """What is filmed."""

    world: WorldState
    vae: Any
    span: Span
    fps: float
    look: Look

    @property
    def frames(self) -> int:
        """How many there are."""
        return self.span.last + 1 - self.span.first

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the pictures as they are decoded."""
        return picture_size(self.world.start)


def plan_shot(world: WorldState, world_vae: Any, texts: tuple[str, str], fps: float) -> Shot:
    """Find the frames that are asked for.

    Raises:
        ValueError: the world has none, or none such.
    """
    extent = extent_of(world, fps)
    if not world.chunks:
        raise ValueError("world: found no frames, expected a world that was rolled out; put Rollout World before.")
    span = Span(*frames_between(*texts, extent, ("first", "last")))
    return Shot(world, world_vae, span, extent.fps, Look())


def check_scale(scale: int) -> None:
    """Check a factor, which may come through a link, past the limits of its widget.

    Raises:
        ValueError: pictures cannot be made so large.
    """
    if not 0 <= scale <= MAX_SCALE:
        raise ValueError(f"scale: found {scale}, expected 1 to {MAX_SCALE}, or 0 for the film's own; change it.")


def _look(world: WorldState, scale: int, smooth: bool, overlay: str, upscale_model: Any) -> Look:
    upscaler = None if upscale_model is None else Upscaler(upscale_model)
    height, width = picture_size(world.start)
    if upscaler is None:
        scale = scale or film_scale(width)
    factor = scale or upscaler.scale * film_scale(round(width * upscaler.scale))
    pen = None
    if overlay != PLAIN:
        size = round(height * factor), round(width * factor)
        pen = ControlsPen(walked_track(world), size, path_map=overlay == BOTH)
    return Look(scale, factor, smooth, upscaler, pen)


def pictures(shot: Shot) -> Iterator[Tensor]:
    """Yield the film's pictures (H, W, 3) in 0..1, one after another."""
    bar, frame = progress.Progress(shot.frames), shot.span.first
    for piece in decoder.decode_frames(shot.vae, shot.world, *shot.span):
        for picture in piece:
            with few_threads():  # each picture is little work between two barriers
                shown = _enlarged(picture, shot.look, shot.size)
                if shot.look.pen is not None:
                    shot.look.pen.draw(shown, frame)
            yield shown
            frame += 1
            bar.advance()


def _enlarged(picture: Tensor, look: Look, size: tuple[int, int]) -> Tensor:
    """Return a picture as large as the film's, in float32 and of its own memory."""
    if look.upscaler is None:
        return enlarged(picture, look.scale, look.smooth)
    made = look.upscaler(picture)
    if not look.scale:
        return enlarged(made, film_scale(made.shape[1]), look.smooth)
    wanted = [side * look.scale for side in size]
    if list(made.shape[:2]) == wanted:
        return made
    planes = interpolate(made.movedim(-1, 0)[None], size=wanted, mode="bicubic", antialias=True)
    return planes[0].movedim(0, -1).clamp(0, 1)


class Gathered:
    """All pictures of a film in one tensor (frames, H, W, 3), which is made once."""

    def __init__(self, frames: int) -> None:
        """Expect so many."""
        self._frames, self._row = frames, 0
        self.images: Tensor | None = None

    def add(self, picture: Tensor) -> None:
        """Take the next one."""
        if self.images is None:
            self.images = torch.empty(self._frames, *picture.shape)
        self.images[self._row] = picture
        self._row += 1


def film_again(shot: Shot, each: Callable[[Tensor, int], object] = lambda picture, frame: None) -> Path:
    """Write a shot as a film into the host's folder for temporary files, and return its path.

    Args:
        shot: what is filmed.
        each: is given every picture, and its frame in the world.
    """
    with FilmWriter(files.new_film(FILM), shot.fps) as film:
        for frame, picture in enumerate(pictures(shot), shot.span.first):
            film.append(picture[None])
            each(picture, frame)
    return film.path


def write_film(shot: Shot, target: Numbered, told: dict[str, Any], gathered: Gathered | None) -> tuple[Path, Path]:
    """Write a shot as a film; return its path, as what was written and as what is shown."""
    draft = film_again(shot, lambda picture, _: gathered and gathered.add(picture))
    try:
        path = saved.save_film(draft, target, told)
    finally:
        draft.unlink(missing_ok=True)
    return path, path


def write_pictures(shot: Shot, target: Numbered, told: dict[str, Any], gathered: Gathered | None) -> tuple[Path, Path]:
    """Write a shot as pictures; return the path of their folder, and that of a film of them to be shown."""
    shown: list[Path] = []

    def fill(write: Callable[[str, Any], None]) -> None:
        def each(picture: Tensor, frame: int) -> None:
            write(f"{PICTURES}/{picture_name(frame)}", to_bytes(picture))
            if gathered:
                gathered.add(picture)

        shown.append(film_again(shot, each))

    return saved.save_pictures(target, told, fill), shown[0]


def describe(shot: Shot, path: Path) -> str:
    """Say what was written, and where."""
    height, width = (round(side * shot.look.factor) for side in shot.size)
    seconds = shot.frames / shot.fps
    return (
        f"{counted(shot.frames, 'frame')}, {shot.span.first} to {shot.span.last}, {seconds:.2f} s at {shot.fps:g} fps, "
        f"{width} x {height} pixels:\n{files.said_name(path)}"
    )


NODES = [FilmWorld]
