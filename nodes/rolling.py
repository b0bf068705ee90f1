"""One run of Rollout World: everything checked, the journal looked up, the missing chunks made, kept and shown."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from comfy_api.latest import Input
from torch import Tensor

from ..worldmodel.binding.bind import bind_track, chunk_controls, left_over_sentence
from ..worldmodel.binding.spoken import Template
from ..worldmodel.families import family_of
from ..worldmodel.families.begin import begin, settings_of
from ..worldmodel.memory.frames import spans_of
from ..worldmodel.memory.pictures import check_pictures
from ..worldmodel.memory.policy import MemoryPolicy, check_policy
from ..worldmodel.models.causal_wan.vocabulary import reads_words
from ..worldmodel.reading.words import counted, shortened
from ..worldmodel.rollout.samplers import Settings
from ..worldmodel.rollout.sampling import LEAST_SHIFT, Levels, warped_steps
from ..worldmodel.rollout.session import CONTEXT_BUDGET, NotFinite, Progress
from ..worldmodel.shown.film import FilmWriter
from ..worldmodel.track.track import Track
from ..worldmodel.variants import Variant, variant_named
from ..worldmodel.world.journal import fingerprint
from ..worldmodel.world.state import Controls, World, cut_for, frames, latents_of, validate_controls
from . import room, told
from .experts import chained_by, check_chain, check_experts, unused_of_low
from .host import decoder, files, films, patches, progress, reels, sampling, text, vae
from .pages import Pages
from .screen import Screen

MOST_SHIFT = 100.0
FILM = "worldmodel/rollout"
"""How a film's name begins."""


class Wishes(NamedTuple):
    """What the node's widgets say; 0 and "" are the model's own."""

    seed: int
    steps: str = ""
    shift: float = 0.0
    fps: float = 0.0
    context_budget: int = 0
    """MB."""
    clip: Any = None
    """The host's CLIP, for sentences on the way."""
    memory: MemoryPolicy | None = None
    words: Template | None = None
    on_disk: bool = False
    """Whether finished latents are left in the journal's files."""


class Plan(NamedTuple):
    """A rollout that was checked and can begin."""

    variant: Variant
    controls: list[Controls]
    settings: Settings
    levels: Levels
    fps: float
    seed: int
    context_bytes: int
    """That the context of the grown world may take."""
    notes: tuple[str, ...]
    """One sentence for each thing the user should know."""
    encode_text: Callable[[str], Tensor] | None = None
    on_disk: bool = False
    """See `Wishes`."""
    chained_by: Any = None
    """The VAE through which each clip begins with the last frame of the one before; `None`: none does."""


class NoFilm(Input.Video):
    """What comes out of the film output where no VAE was connected: it says so when it is used."""

    def _missing(self, *_: Any, **__: Any) -> Any:
        raise ValueError(
            "film: found none, because no VAE was connected to Rollout World; connect one, or decode the world with "
            "Decode World and make a film with Create Video."
        )

    get_components = save_to = as_trimmed = _missing


def check_shift(shift: float) -> None:
    """Check a shift when the graph is queued, the host's own limits included.

    Raises:
        ValueError: there are no noise levels under it.
    """
    if shift and not LEAST_SHIFT <= shift <= MOST_SHIFT:
        raise ValueError(
            f"shift: found {shift}, expected 0 (the model's own) or {LEAST_SHIFT} to {MOST_SHIFT}; change it."
        )


def parse_steps(text: str) -> tuple[int, ...]:
    """Read steps such as `1000, 666, 333`; none for an empty text.

    Raises:
        ValueError: not falling whole numbers from 1000 to 1.
    """
    words = text.replace(",", " ").split()
    if not all(word.isdecimal() and len(word) < 9 for word in words):
        raise ValueError(
            f"steps: found {shortened(text)!r}, expected whole numbers such as 1000, 666, 333; empty is the model's "
            "own."
        )
    steps = tuple(int(word) for word in words)
    if steps:
        warped_steps(steps, 1.0)
    return steps


def plan_settings(model: Any, world: World, world_vae: Any, wishes: Wishes) -> Plan:
    """Check all that a user can get wrong but the track, before anything is loaded.

    Returns:
        A plan without controls.

    Raises:
        ValueError: the input, what was found, what was expected, what to do.
    """
    variant = sampling.model_variant(model)
    patches.check_patches(model)
    check_experts(model, variant)
    if variant.name != world.start.variant:
        raise ValueError(
            f"world: found one that was started for {variant_named(world.start.variant).title}, expected one for "
            f"{variant.title}; connect the same model to Start World."
        )
    variant = cut_for(variant, world.start)
    if world_vae is not None:
        check_vae(world, world_vae)
        if find_spec("imageio_ffmpeg") is None:
            raise ValueError(
                "vae: found no imageio-ffmpeg in this Python, expected it for the film; install the pack's "
                "requirements.txt, or disconnect the VAE."
            )
    steps = parse_steps(wishes.steps)
    settings = settings_of(
        variant, world.start.form, steps=steps, shift=wishes.shift, memory=wishes.memory, template=wishes.words
    )
    levels = settings.sampler.levels()
    context_bytes = wishes.context_budget * 1_000_000 or CONTEXT_BUDGET
    encode_text = reads_words(variant) or (None if wishes.clip is None else partial(text.encode_text, wishes.clip))
    return Plan(
        variant, [], settings, levels, wishes.fps or variant.fps, wishes.seed, context_bytes,
        tuple(patches.unused_patches(model) + unused_of_low(model)), encode_text, wishes.on_disk,
        world_vae if variant.is_chained else None,
    )  # fmt: skip


def plan_rollout(model: Any, world: World, track: Track, world_vae: Any, wishes: Wishes) -> Plan:
    """Check all that a user can get wrong, before anything is loaded; as `plan_settings`, and the track."""
    plan = plan_settings(model, world, world_vae, wishes)
    controls, notes = _controls(track, world, plan.variant)
    told.check_prompts(controls, plan.variant, wishes.clip)
    check_chain(plan.variant, world, len(controls), world_vae)
    check_memory(model, world, plan.variant, wishes.memory, len(controls))
    return plan._replace(controls=controls, notes=(*notes, *plan.notes))


def check_memory(model: Any, world: World, variant: Variant, memory: MemoryPolicy | None, chunks: int) -> None:
    """Check what a memory policy says of the frames there will be when so many chunks have been added.

    Raises:
        ValueError: it names frames that there are not, takes more than there is, or its pictures do not fit.
    """
    if memory is not None and variant.memories is not None:
        ends = variant.chunking.first_frame(len(world.chunks) + chunks)
        check_policy(memory, ends, spans_of(variant), _latent_bytes(model, world))
        check_pictures(memory.pictures, variant.latents.channels, world.start.grid)


def _latent_bytes(model: Any, world: World) -> int:
    height, width = world.start.grid
    return world.start.image_condition.shape[0] * height * width * model.model.get_dtype_inference().itemsize


def _controls(track: Track, world: World, variant: Variant) -> tuple[list[Controls], list[str]]:
    """Cut a track into the chunks that follow a world's; also one sentence for each thing that was dropped."""
    bound = bind_track(track, variant, world)
    prompt = world.chunks[-1].controls.prompt if world.chunks else ""
    pieces, left_over = chunk_controls(bound.controls, len(world.chunks), variant, bound.events, prompt, track.frames)
    length = variant.chunking.frames(len(world.chunks) + len(pieces))
    if not pieces:
        raise ValueError(
            f"track: found {track.frames} frames, expected at least {length}, the next whole chunk of {variant.title}; "
            "lengthen the track."
        )
    for index, piece in enumerate(pieces, len(world.chunks)):
        validate_controls(piece, variant, index)
    return pieces, [*bound.report, *([left_over_sentence(track.frames, left_over, length)] if left_over else [])]


def check_vae(world: World, world_vae: Any) -> None:
    """Check that a VAE can decode a world.

    Raises:
        ValueError: it is of another kind.
    """
    vae.kind_for(world_vae, variant_named(world.start.variant), world.start.latent_format)


class Rolled(NamedTuple):
    """What came of a rollout."""

    world: World
    film: Input.Video
    reel: reels.Reel | None
    """What the page plays; `None`: without a VAE, or if no page looks."""


def roll(model: Any, world: World, world_vae: Any, plan: Plan, pages: Pages, part: int = 0) -> Rolled:
    """Roll out inside one sampling session of the host; the film is complete when this returns.

    Args:
        model, world, world_vae, plan, pages: what was checked and looked up.
        part: number of this walk among those that one node shows.

    Raises:
        ValueError: what the network made, or the decoder, is not finite; then no more is kept.
    """
    grown = world
    with ExitStack() as stack:
        film = reel = None
        if world_vae is not None:
            film = stack.enter_context(FilmWriter(files.new_film(FILM), plan.fps))
            reel = reels.open_reel(world, plan.controls, world_vae, plan.fps, part)

        def perform(stage: sampling.Stage) -> None:
            nonlocal grown
            with nullcontext() if film is None else Screen(film, world_vae, world, stage, reel) as screen:
                grown = _walk(stage, world, plan, pages, screen)

        try:
            if None in pages.found:
                said = zip(sentences(world, plan), pages.found, strict=True)
                texts = told.encoded(model, [text for text, chunk in said if chunk is None], plan.encode_text)
                plan = plan._replace(encode_text=texts.__getitem__) if texts else plan
                shape = (plan.variant.latents.channels, family_of(plan.variant).seen(plan.variant), *world.start.grid)
                for line in room.said(model, plan.settings, world, world_vae):
                    progress.tell(line)
                sampling.perform(model, plan.levels, shape, perform)
            else:
                perform(sampling.without_network(model))
        except BaseException as error:
            if pages.kept or pages.taken:
                done = pages.kept + pages.taken
                progress.tell(f"{done} of {len(plan.controls)} chunks are kept; press Run again to go on after them.")
            if isinstance(error, NotFinite):
                raise patches.not_finite(error, model) from error
            raise
    if reel is not None:
        reel.finish(grown)
    if film is None:
        return Rolled(grown, NoFilm(), None)
    return Rolled(grown, films.kept_film(film.path, lambda: film_again(world_vae, world, grown, plan.fps)), reel)


def sentences(world: World, plan: Plan) -> list[str]:
    """Return what each chunk of a plan is told in words; "" is the start's own text."""
    return family_of(plan.variant).sentences(world, plan.controls, plan.settings.numbers)


def film_again(world_vae: Any, world: World, grown: World, fps: float) -> Path:
    """Write the film of a rollout once more, from the chunks that it added to a world."""
    new = grown.chunks[len(world.chunks) :]
    bar = progress.Progress(len(new))
    with FilmWriter(files.new_film(FILM), fps) as film:
        stream = decoder.primed(world_vae, world)
        for number, chunk in enumerate(new, 1):
            film.append(stream.push(latents_of(chunk), last=number == len(new)))
            bar.advance()
    return film.path


def _walk(stage: sampling.Stage, world: World, plan: Plan, pages: Pages, screen: Screen | None) -> World:
    """Take what the journal has and make what it lacks, chunk after chunk."""
    steps = len(plan.levels.sigmas)
    bar = progress.Progress(steps * len(plan.controls))
    replayed = 0

    def after_clean(_: int) -> None:
        nonlocal replayed
        if replayed:
            replayed -= 1
            bar.advance()

    def after_step(told: Progress) -> None:
        if told.step < told.steps:  # the last one shows when the chunk is kept
            bar.advance()
        if screen is not None:
            screen.look(bar)

    session = begin(
        world, stage.predict, low=stage.low, chained=chained_by(plan.chained_by, world, stage.reload),
        settings=plan.settings, model=pages.model, stages=stage.stages, dtype=stage.dtype, device=stage.device,
        encode_text=plan.encode_text, keep=stage.keep, after_step=after_step, after_clean=after_clean,
    )  # fmt: skip
    for number, (controls, chunk) in enumerate(zip(plan.controls, pages.found, strict=True)):
        if chunk is None:
            if session.waiting > 1:
                replayed = session.waiting
                bar.expect(replayed)
            chunk = session.step(controls, plan.seed, pages.keys[number])
            session.settle(pages.keep(number, chunk))
            bar.advance()
        else:
            session.adopt(chunk)
            bar.advance(steps)
        if screen is not None:
            screen.show(chunk, number == len(plan.controls) - 1, bar)
    # a snapshot runs the last clean pass, for which a rollout of found chunks has no network
    return session.world._replace(context=session.snapshot(plan.context_bytes) if None in pages.found else None)


def describe(plan: Plan, world: World, grown: World, pages: Pages) -> str:
    """Say what a rollout did, one sentence a line."""
    total, added = frames(grown), frames(grown) - frames(world)
    lines = [
        f"{counted(len(plan.controls), 'chunk')}, {counted(added, 'frame')} added; the world has "
        f"{counted(total, 'frame')}.",
        f"{plan.settings.sampler.said()}; {plan.fps:g} fps; seed {plan.seed}.",
        *pages.sentences(),
        *(told.lines(sentences(world, plan), len(world.chunks)) if plan.variant.is_spoken_to else []),
    ]
    return "\n".join([*lines, *plan.notes, f"World id {fingerprint(grown)} (a world made again has the same)."])
