"""A training run on disk: its log, its resumable state, and its time-based schedule."""

from __future__ import annotations

import json
import logging
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .together import is_first, mean_of

log = logging.getLogger(__name__)
SAVE_EVERY = 60.0


class Run:
    """One training run in a folder: `log.jsonl`, and `state.pt` from which it resumes after any interruption.

    The learning rate follows the share of the planned minutes that has been spent, over all resumptions. On a CPU these
    are minutes of its cores, so that a run beside other work, at low priority, is as long as one alone. Where runs are
    to be compared, their length is given in `updates`, which counts instead.

    Of processes that train together (see `together`) the first one writes, and all go by the mean of their minutes.
    """

    def __init__(
        self,
        folder: Path,
        minutes: float,
        model: nn.Module,
        optimizers: list[torch.optim.Optimizer],
        updates: int | None = None,
    ) -> None:
        self.folder, self.minutes, self.model, self.optimizers = folder, minutes, model, optimizers
        self.updates = updates
        self.step, self.seconds, self.extra = 0, 0.0, {}
        self.before_saving: Callable[[], None] = lambda: None
        self.peaks = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
        self._seen: dict[str, list[float]] = {}
        on_cpu = next(model.parameters()).device.type == "cpu"
        self._clock = time.process_time if on_cpu else time.monotonic
        self._saved, self._tick = time.monotonic(), self._clock()
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / "state.pt").exists():
            self._resume()

    def _resume(self) -> None:
        device = next(self.model.parameters()).device
        state = torch.load(self.folder / "state.pt", map_location=device, weights_only=True)
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.step, self.seconds, self.extra = state["step"], state["seconds"], state["extra"]
        log.info("resumed %s at step %d after %.1f minutes", self.folder, self.step, self.seconds / 60)

    def begin(self, mean: torch.Tensor, std: torch.Tensor, **about: Any) -> None:
        """Keep in `extra` what a new run begins with.

        Args:
            mean, std: of the latents.
            about: what else is to be known of it; the moving average of the weights begins with the model's own.
        """
        average = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        self.extra.update(mean=mean, std=std, average=average, **about)

    @property
    def share(self) -> float:
        """Share of the planned length that is spent, 0..1."""
        if self.updates is not None:
            return min(1.0, self.step / self.updates)
        return min(1.0, self.seconds / (60 * self.minutes))

    @property
    def done(self) -> bool:
        return self.share >= 1.0

    def schedule(self) -> float:
        """Set and return the learning rate's factor: a short warm-up, then a cosine to 2 %."""
        factor = min(1.0, (self.step + 1) / 50) * (0.02 + 0.98 * (1 + math.cos(math.pi * self.share)) / 2)
        for optimizer, peaks in zip(self.optimizers, self.peaks, strict=True):
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * factor
        return factor

    def advance(self, figures: dict[str, float], every: int = 50) -> None:
        """Count one step, log the means of `figures` every `every` steps, and save every minute."""
        now = self._clock()
        self.seconds, self._tick = self.seconds + mean_of(now - self._tick), now
        self.step += 1
        for name, value in figures.items():
            self._seen.setdefault(name, []).append(value)
        if self.step % every == 0:
            self.note({name: round(sum(values) / len(values), 5) for name, values in self._seen.items()})
            self._seen = {}
        if time.monotonic() - self._saved > SAVE_EVERY or self.done:
            self.save()

    def note(self, figures: dict[str, Any]) -> None:
        """Append one line to the log."""
        if not is_first():
            return
        line = {"step": self.step, "minutes": round(self.seconds / 60, 2), **figures}
        with open(self.folder / "log.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        log.info("%s", line)

    def save(self) -> None:
        """Write the state under a temporary name and rename it."""
        self.before_saving()
        self._saved = time.monotonic()
        if not is_first():
            return
        state = {
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "step": self.step,
            "seconds": self.seconds,
            "extra": self.extra,
        }
        torch.save(state, self.folder / "state.tmp")
        os.replace(self.folder / "state.tmp", self.folder / "state.pt")
