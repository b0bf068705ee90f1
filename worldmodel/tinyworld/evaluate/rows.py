"""The rows of an evaluation, in groups: each yields named figures as they are measured.

A row is a name, a unit and a figure with its interval.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image

from ...metrics.intervals import Estimate, mean_of, ratio_of, share_of
from ...metrics.pictures import bicubic_copy, psnr, squared_error
from ...reading.words import shortened
from ...rollout.sampling import Levels, warped_steps
from .. import pilot
from ..player import Player
from ..remember.player import MemoryPlayer
from ..scene import clips, themes
from ..weather.player import EventPlayer
from . import (
    ahead,
    drift,
    events,
    follows,
    loops,
    obedience,
    plots,
    reader,
    reading,
    right_world,
    steering,
    suites,
    whereabouts,
)
from .reader import Reader

BEFORE_STEPS = 20
THEME_WALKS = 48
"""True walks that say how a theme looks."""


class Form(NamedTuple):
    """What is measured, and how much of it."""

    player: Player
    starts: int = 256
    walks: int = 32
    frames: int = 500
    levels: Levels | None = None
    """`None`: the variant's own."""
    before: Player | None = None
    """What the few steps are compared with, at many."""
    plots: Path | None = None
    """Folder for pictures."""
    kind: str = suites.KINDS[0]
    """Held-out walks in which places: one of `suites.KINDS`."""
    reader: Reader | None = None
    """`None`: the shipped one."""
    twin: Player | None = None
    """The form with memory, trained without memory."""
    unspoilt: Player | None = None
    """The form with memory, trained without the error buffer."""

    def suite(self) -> dict[str, suites.Tracks]:
        """Read the suite that is judged on."""
        return suites.load(self.kind)


class Row(NamedTuple):
    """One figure."""

    name: str
    unit: str
    figure: Estimate


Rows = Iterator[Row]
SHORT = (6, 6, 45)
"""Starts, walks and frames of the short form."""
SHORT_EVENTS = (2, 4, 33)
"""The same for the form with events: one walk for each."""
SHORT_WALK = 81
"""Frames of a walk below which an event begins in its second chunk."""


def even_levels(player: Player, steps: int) -> Levels:
    """Return so many levels, evenly spread over the variant's schedule."""
    table = torch.linspace(1000, 0, steps + 1)[:-1].round().int().tolist()
    return warped_steps(table, player.variant.shift)


def vae(form: Form) -> Rows:
    """Measure what the VAE keeps of held-out clips, beside a copy shrunk and enlarged."""
    kept, plain = [], []
    for _, batch in form.suite()["vae"].batches(form.walks, 4):
        film = pilot.film(*batch.walk(), clips.PICTURE).movedim(-1, 2)
        kept.append(psnr(squared_error(drift.through_vae(form.player, film, {}, {}), film)).mean(1))
        copy = bicubic_copy(film.flatten(0, 1)).view_as(film)
        plain.append(psnr(squared_error(copy, film)).mean(1))
    yield Row("vae", "dB", mean_of(torch.cat(kept)))
    yield Row("vae bicubic", "dB", mean_of(torch.cat(plain)))


def obeys(form: Form) -> Rows:
    """Measure every key and both mouse directions."""
    suite = form.suite()
    for action in suites.OPPOSITES:
        found = obedience.measure(form.player, suite[f"obeys_{action}"], action, form.starts, form.levels)
        yield Row(f"obeys {action}", "%", share_of(found.obeyed))
        yield Row(f"obeys {action} margin", "dB", mean_of(found.commanded - found.opposite))


def slope(form: Form) -> Rows:
    """Measure how far the model turns, with a quarter of the starts."""
    found = steering.measure(form.player, form.suite()["turns"], max(3, form.starts // 4), form.levels)
    yield Row("yaw response", "", steering.response(found.commanded, found.made))
    yield Row("yaw response chunk 1", "", steering.response(found.commanded, found.made, slice_of(form.player, 0)))
    yield Row("yaw response chunk 2", "", steering.response(found.commanded, found.made, slice_of(form.player, 1)))
    yield Row("yaw response of the VAE", "", steering.response(found.commanded, found.coded))


def slice_of(player: Player, chunk: int) -> slice:
    """Return the frames of a chunk."""
    return slice(player.variant.chunking.first_frame(chunk), player.variant.chunking.first_frame(chunk + 1))


def world(form: Form) -> Rows:
    """Measure the surfaces that the start frame showed."""
    found = right_world.measure(form.player, form.suite()["world"], form.starts, form.levels)
    yield Row("world", "dB", mean_of(found.made))
    yield Row("world frozen", "dB", mean_of(found.frozen))
    yield Row("world astray", "dB", mean_of(found.astray))
    yield Row("world over frozen", "dB", mean_of(found.made - found.frozen))
    yield Row("world over astray", "dB", mean_of(found.made - found.astray))
    if form.plots is not None:
        draw_paths(form).save(form.plots / "paths.png")


def draw_paths(form: Form, walks: int = 8) -> Image.Image:
    """Draw where the first walks of the suite lead, asked and walked."""
    tracks = form.suite()["world"].part(slice(0, walks))
    frames = list(range(4, right_world.JUDGED.stop, 4))
    truth = right_world.truth_of(tracks)
    made = right_world.play(form.player, truth, truth.actions, right_world.SEED, form.levels)
    true = torch.cat([truth.first[:, None], truth.film], 1)
    coded = drift.through_vae(form.player, true, {}, {})[:, right_world.JUDGED]
    picked = [frame - right_world.JUDGED.start for frame in frames]
    found, control = (whereabouts.find(film[:, picked], tracks, frames) for film in (made, coded))
    return plots.path_plot(tracks, found, control, frames)


def from_the_truth(form: Form) -> Rows:
    """Measure what one chunk and the next lose where their past is the truth."""
    found = ahead.measure(form.player, form.suite()["long"], form.walks)
    for frame in ahead.FRAMES:
        made, frozen, *sharpness = (value[..., frame - 1].mean(1) for value in found)
        yield Row(f"{frame} from the truth", "dB", mean_of(made))
        yield Row(f"{frame} from the truth over still", "dB", mean_of(made - frozen))
        yield Row(f"{frame} from the truth sharpness", "", ratio_of(*sharpness))


def sharp(form: Form) -> Rows:
    """Measure long walks against the true films through the VAE, and raw."""
    found = drift.watch(form.player, form.suite()["long"], form.walks, form.frames, form.levels)
    for when, span in zip(("early", "late"), drift.spans(form.frames), strict=True):
        for measure in drift.MEASURES:
            yield Row(f"{measure} {when}", "", drift.ratio(found, measure, span))
            yield Row(f"{measure} {when} raw", "", drift.ratio(found, measure, span, "true"))
    if form.plots is not None:
        plots.ageing_plot(found).save(form.plots / "ageing.png")
        plots.contact_sheet(found.pictures).save(form.plots / "contact_sheet.png")


def drawn(form: Form) -> Rows:
    """Measure how far the film moves along drawn paths, in chunks after the first, with a quarter of the starts."""
    made, coded = follows.measure(form.player, form.suite()["drawn"], max(3, form.starts // 4), form.levels)
    for name, motion in (("", made), (" of the VAE", coded)):
        found = follows.slopes(motion.part(slice(1, None)))
        yield Row(f"drawn way{name}", "", found.metres)
        yield Row(f"drawn turn{name}", "", found.degrees)
        yield Row(f"drawn shown{name}", "%", found.shown)
        yield Row(f"drawn way of the first chunk{name}", "", follows.slopes(motion.part(slice(1))).metres)


def read(form: Form) -> Rows:
    """Measure what the reader makes of the surfaces that the start showed, generated and, but for few starts, true ones
    through the VAE."""
    some, control = form.reader or reader.load(), form.starts > SHORT[0]
    films = reading.right_material(form.player, some, form.suite()["world"], form.starts, form.levels, control)
    for name, found in zip(("", " of the VAE"), films, strict=False):
        yield Row(f"right material{name}", "%", reading.known_mean(found.walls))
        yield Row(f"right floor and sky{name}", "%", reading.known_mean(found.others))
        yield Row(f"depth off{name}", "", reading.known_mean(found.depth))


def legible(form: Form) -> Rows:
    """Measure how surely long walks are read, of which theme they are, and how like true films they look."""
    some, tracks = form.reader or reader.load(), form.suite()["long"]
    windows = tuple(window for window in reading.WINDOWS if window[1] <= form.frames + 1)
    made, true = reading.long_walks(form.player, some, tracks, form.walks, windows)
    others = suites.gather(suites.draw_explored(form.kind, "others"), form.walks)
    far = []
    for index, ((low, high), (begin, end)) in enumerate(zip(windows, reading.COMPARED, strict=False)):
        when, span = f"{low}-{high - 1}", slice(begin - low, end - low)
        yield Row(f"sure {when}", "", reading.sure_ratio(made, true, index))
        yield Row(f"own theme {when}", "%", mean_of(made.own[:, index]))
        yield Row(f"sure floor and sky {when}", "", ratio_of(made.sure_others[:, index], true.sure_others[:, index]))
        other = reading.read_true(form.player, some, others, (begin, end))
        far.append(reading.frechet_of_walks(made.features[:, index, span], true.features[:, index, span], other))
        yield Row(f"frechet {begin}-{end - 1}", "", far[-1])
    if len(far) > 2:
        ratio = far[-1].value / far[-2].value
        yield Row("frechet last over middle", "", Estimate(ratio, ratio, ratio))


def memory(form: Form) -> Rows:
    """Measure loops that come home: what is remembered, beside any past frames and a twin trained without memory."""
    assert isinstance(form.player, MemoryPlayer)
    players = {"": form.player, "random": form.player.looking_at("random")}
    if form.twin is not None:
        players["twin"] = form.twin
    found = loops.revisits(players, form.reader or reader.load(), form.suite()["loops"], form.walks)
    for name in ("", *(name for name in found if name)):
        said = f" of {name}" if name else ""
        yield Row(f"revisited material{said}", "%", reading.known_mean(found[name].walls))
        yield Row(f"revisited{said}", "dB", mean_of(found[name].psnr))
    for name in [name for name in players if name]:
        yield Row(f"revisited material over {name}", "%", reading.known_mean(found[""].walls - found[name].walls))
        yield Row(f"revisited over {name}", "dB", mean_of(found[""].psnr - found[name].psnr))


def glances(form: Form) -> Rows:
    """Measure what is there again after a look away, beside the same model without its memory."""
    assert isinstance(form.player, MemoryPlayer)
    players = {"": form.player, "nothing": form.player.looking_at("nothing")}
    found = loops.glances(players, form.suite()["world"], form.starts)
    yield Row("glanced back", "dB", mean_of(found[""]))
    yield Row("glanced back over nothing", "dB", mean_of(found[""] - found["nothing"]))


def weather(form: Form) -> Rows:
    """Measure how soon events show, and how well the place is kept under them."""
    assert isinstance(form.player, EventPlayer)
    span = events.SHORT if form.frames < SHORT_WALK else events.FULL
    some = form.reader or reader.load()
    (found,) = events.measure(form.player, form.suite()["long"], form.walks, span=span, reader=some).values()
    yield Row("event visible", "%", share_of(found.visible))
    yield Row("event shows after", "", mean_of(found.frames))
    yield Row("place under event", "%", mean_of(found.like))
    yield Row("event dB", "dB", mean_of(found.psnr))
    yield Row("right material under event", "%", reading.known_mean(found.right))
    yield Row("right material under event of the VAE", "%", reading.known_mean(found.right_true))
    if span.compared:
        yield Row("place under event over without", "%", mean_of(found.like - found.like_without))
        yield Row("event dB over without", "dB", mean_of(found.psnr - found.psnr_without))
        yield Row("right material under event over without", "%", reading.known_mean(found.right - found.right_without))


def errors(form: Form) -> Rows:
    """Measure long walks beside those of a twin trained without the error buffer, walk by walk."""
    assert form.unspoilt is not None
    some, tracks, windows = form.reader or reader.load(), form.suite()["long"], reading.WINDOWS[-1:]
    made, true = reading.long_walks(form.player, some, tracks, form.walks, windows)
    theirs, _ = reading.long_walks(form.unspoilt, some, tracks, form.walks, windows)
    others = suites.gather(suites.draw_explored(form.kind, "others"), form.walks)
    other = reading.read_true(form.player, some, others, windows[0])
    when = f"{windows[0][0]}-{windows[0][1] - 1}"
    three = (films.features[:, 0] for films in (theirs, made, true))
    yield Row(f"frechet {when} without errors less with", "", reading.frechet_gap(*three, other))


def theme(form: Form) -> Rows:
    """Measure how many long walks still look like their theme at the last chunk, without a reader: the mean of its
    frames, shrunk to latents, is nearest to the true one of its own theme."""
    tracks = form.suite()["long"].part(slice(0, max(form.walks, THEME_WALKS)))
    own = tracks.worlds().theme
    pieces = list(drift.films(form.player, tracks.part(slice(0, form.walks)), form.frames, drift.SEED, form.levels))
    last = pieces[-1]
    frames = slice(last.first, last.first + last.made.shape[1])
    true = pilot.film(*tracks.walk(frames=frames.stop), clips.PICTURE, frames).movedim(-1, 2)
    kept = [theme for theme in range(len(themes.THEMES)) if bool((own == theme).any())]
    looks = torch.stack([_look(true[own == theme]).mean(0) for theme in kept])
    gaps = (_look(last.made)[:, None] - looks).square().mean((2, 3, 4))
    yield Row("right theme", "%", share_of(torch.tensor(kept)[gaps.argmin(1)] == own[: form.walks]))


def _look(films: torch.Tensor) -> torch.Tensor:
    """Return the mean picture (B, 3, h, w) of films (B, F, 3, H, W), a pixel per latent."""
    return torch.nn.functional.avg_pool2d(films.mean(1), 8)


def few_steps(form: Form) -> Rows:
    """Compare the variant's own few steps with many of another checkpoint, start by start."""
    assert form.before is not None
    suite = form.suite()["world"]
    many = even_levels(form.before, BEFORE_STEPS)
    ours = right_world.measure_plain(form.player, suite, form.starts, form.levels)
    theirs = right_world.measure_plain(form.before, suite, form.starts, many)
    yield Row("few steps", "dB", mean_of(ours.made - theirs.made))
    yield Row("few steps before", "dB", mean_of(theirs.made))
    yield Row("few steps sharpness", "", ratio_of(ours.sharpness, theirs.sharpness))


def fast(form: Form) -> Rows:
    """Time the model and the VAE on two threads, by the benchmark."""
    from .speed import tiny_world

    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    stages = {stage.name: stage for stage in tiny_world(player=form.player)[0]}
    torch.set_num_threads(threads)
    whole = stages["generate and decode"]
    rate = whole.frames / whole.seconds
    yield Row("frames per second", "/s", Estimate(rate, rate, rate))
    first = stages["start"].seconds + stages["first chunk shown"].seconds
    yield Row("first frame", "s", Estimate(first, first, first))


GROUPS: dict[str, Callable[[Form], Rows]] = {
    "vae": vae,
    "obeys": obeys,
    "slope": slope,
    "world": world,
    "ahead": from_the_truth,
    "sharp": sharp,
    "theme": theme,
    "read": read,
    "legible": legible,
    "glances": glances,
    "memory": memory,
    "errors": errors,
    "events": weather,
    "drawn": drawn,
    "few-steps": few_steps,
    "fast": fast,
}
MEMORY_GROUPS = ("glances", "memory")
"""What a model is measured by that looks at its past again."""
PAST_GROUPS = ("ahead",)
"""What only the form is measured by that is given nothing but its past."""
EVENT_GROUPS = ("events",)
"""What a model is measured by that is told of weather and light."""
SHORT_GROUPS = ("obeys", "world", "theme", "read")
"""Enough to notice a broken model in seconds."""


def groups_for(form: Form) -> list[str]:
    """Return the groups that a form has input for, without the clock."""
    left = {"fast", *(() if form.before else ("few-steps",))}
    left.update(() if form.unspoilt else ("errors",), () if isinstance(form.player, MemoryPlayer) else MEMORY_GROUPS)
    left.update(() if isinstance(form.player, EventPlayer) else EVENT_GROUPS)
    left.update(() if type(form.player) is Player else PAST_GROUPS)
    return [name for name in GROUPS if name not in left]


def check(form: Form, groups: Sequence[str]) -> None:
    """Check before anything is measured that all of it can be.

    Raises:
        ValueError: an unknown group, more than the suite holds, or nothing to compare the few steps with.
    """
    unknown = [group for group in groups if group not in GROUPS]
    if unknown:
        raise ValueError(f"--only: found {shortened(', '.join(unknown))}, expected some of {', '.join(GROUPS)}.")
    suite = form.suite()
    limits = {
        "starts": (form.starts, 2, len(suite["world"].seeds)),
        "walks": (form.walks, 2, len(suite["long"].seeds)),
        "frames": (form.frames, 20, suite["long"].turns.shape[1]),
    }
    for name, (found, least, most) in limits.items():
        if not least <= found <= most:
            raise ValueError(f"--{name}: found {found}, expected {least} to {most}, which the suite holds.")
    remembered = [group for group in groups if group in MEMORY_GROUPS]
    if remembered and not isinstance(form.player, MemoryPlayer):
        title = form.player.variant.title
        raise ValueError(f"--only: found {remembered[0]}, expected other rows for {title}, which looks at no memory.")
    if set(groups) & set(EVENT_GROUPS) and not isinstance(form.player, EventPlayer):
        title = form.player.variant.title
        raise ValueError(f"--only: found events, expected other rows for {title}, which is told of none.")
    if set(groups) & set(PAST_GROUPS) and type(form.player) is not Player:
        title = form.player.variant.title
        raise ValueError(f"--only: found ahead, expected other rows for {title}, which looks at more than its past.")
    if "errors" in groups and form.unspoilt is None:
        raise ValueError("--unspoilt: nothing was given; name the run trained without errors, or leave errors out.")
    if "few-steps" in groups and form.before is None:
        raise ValueError("--before: nothing was given; name the checkpoint before few-step tuning, or leave few-steps.")
