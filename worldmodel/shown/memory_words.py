"""What a walk's memory will be, in words: a line for each slot, then loops that close and views nobody saw."""

from __future__ import annotations

from ..memory.frames import Spans
from ..memory.plan import Look, Memory
from ..memory.survey import Covered, Return, Survey
from ..reading.words import counted

MOST_LINES = 2000
"""Of slots; of a longer walk the last chunks are told."""


def memory_table(survey: Survey, spans: Spans, first_chunk: int = 0) -> str:
    """Say what each chunk looks at again, and why.

    Args:
        survey: of the whole walk.
        spans: of the model.
        first_chunk: the first that is not made yet.
    """
    lines = [*_head(survey, first_chunk), ""]
    slots = max((len(memory.looks) for memory in survey.memories), default=1) or 1
    told = survey.memories[-max(MOST_LINES // slots, 1) :]
    if len(told) < len(survey.memories):
        lines.append(f"Chunks before {told[0].chunk} are left out here.")
    for memory in told:
        lines += _chunk(memory, spans, memory.chunk < first_chunk)
    lines += ["", "Loops that close:", *(_loop(each) for each in survey.returns)] if survey.returns else []
    lines += ["", "Views that nothing shows:", *(_bare(each) for each in survey.uncovered)] if survey.uncovered else []
    return "\n".join(lines)


def memory_summary(survey: Survey) -> str:
    """Say it in one line."""
    memories, bare = survey.memories, survey.uncovered
    looks = sum(len(memory.looks) for memory in memories)
    shown = sum(each.all for each in survey.coverage) / len(survey.coverage) if survey.coverage else None
    said = [counted(len(memories), "chunk"), counted(looks, "look"), f"{counted(len(survey.returns), 'loop')} closed"]
    said += [] if shown is None else [f"{shown:.0%} of the views are in what is looked at", f"{len(bare)} bare"]
    return ", ".join(said) + "."


def _head(survey: Survey, first_chunk: int) -> list[str]:
    made = f" The first {counted(first_chunk, 'chunk')} of them are made." if first_chunk else ""
    return [memory_summary(survey) + made]


def _chunk(memory: Memory, spans: Spans, made: bool) -> list[str]:
    first, last = spans.end(memory.chunk) - (spans.later if memory.chunk else spans.first), spans.end(memory.chunk) - 1
    head = f"chunk {memory.chunk}  frames {first} to {last}{'  (made)' if made else ''}"
    if not memory.looks:
        return [f"{head}  looks at nothing"]
    return [head, *(f"  {slot}  {_look(look)}" for slot, look in enumerate(memory.looks, 1))]


def _look(look: Look) -> str:
    if look.picture is not None:
        return f"for frame {look.query:>5}: picture {look.picture + 1:<18}  {look.overlap:>4.0%}  by overlap"
    why = {"overlap": "by overlap", "pinned": "pinned", "sink": "always"}[look.why]
    return f"for frame {look.query:>5}: frame {look.frame:>5}  latent {look.latent:>4}  {look.overlap:>4.0%}  {why}"


def _loop(each: Return) -> str:
    at = f"frame {each.first}" if each.first == each.last else f"frames {each.first} to {each.last}"
    return f"  {at} see again what frame {each.then} saw ({each.overlap:.0%} of it at frame {each.frame})"


def _bare(each: Covered) -> str:
    return f"  chunk {each.chunk}, frame {each.frame}: {each.all:.0%} of its view is in what the chunk looks at"
