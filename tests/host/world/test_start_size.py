"""Start World's width and height: any grid, a warning off the trained size, and no touch where the size fits."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import pytest
import torch


def test_a_world_may_have_any_size_with_a_warning(
    tiny: SimpleNamespace, run: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        world = run("WMStartWorld", tiny.model, tiny.vae, tiny.image, None, 128, 48)
    assert "width, height: found 128 x 48; Tiny World was trained on 96 x 64 only" in caplog.text
    assert "the middle was kept, its edges cut off, resized to the 128 x 48 of this world" in caplog.text
    assert world.start.image_condition.shape[2:] == (6, 16)
    grown, film = run("WMRolloutWorld", tiny.model, world, tiny.track, 0, vae=tiny.vae)
    assert film.get_dimensions() == (128, 48)
    assert run("WMDecodeWorld", grown, tiny.vae).shape == (21, 48, 128, 3)


def test_zero_is_the_models_own_size_side_by_side(
    tiny: SimpleNamespace, run: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        assert run("WMStartWorld", tiny.model, tiny.vae, tiny.image, None, 96, 0).digest == tiny.world.digest
    assert "trained on" not in caplog.text
    assert run("WMStartWorld", tiny.model, tiny.vae, tiny.image, None, 0, 32).start.image_condition.shape[2:] == (4, 12)


def test_a_picture_of_the_size_is_neither_cropped_nor_resized_nor_rounded(
    tiny: SimpleNamespace, run: Callable, of_pack: Callable[[str], ModuleType], caplog: pytest.LogCaptureFixture
) -> None:
    picture = torch.rand(1, 48, 80, 3, generator=torch.Generator().manual_seed(6))  # between the levels of 8 bits
    with caplog.at_level("INFO"):
        world = run("WMStartWorld", tiny.model, tiny.vae, picture, None, 80, 48)
    assert "cropped" not in caplog.text
    vaes, grey = of_pack("nodes.host.vae"), of_pack("worldmodel.models.matrix_game2.conditions").image_then_grey

    def encoded(shown: torch.Tensor) -> torch.Tensor:
        return vaes.encode_video(tiny.vae, grey(shown, vaes.kind_of(tiny.vae).settles))

    exact, rounded = encoded(picture[0]), encoded((picture[0] * 255).round() / 255)
    assert torch.equal(world.start.image_condition[4:], exact) and not torch.equal(exact, rounded)


@pytest.mark.parametrize(
    ("width", "height", "sentence"),
    [
        (100, 0, "width: found 100, expected a multiple of 16, or 0 for the model's own; change it to 96."),
        (0, 7, "height: found 7, expected a multiple of 16, or 0 for the model's own; change it to 16."),
        (-16, 0, "width: found -16, expected a multiple of 16"),
    ],
)
def test_other_sides_are_refused(tiny: SimpleNamespace, run: Callable, width: int, height: int, sentence: str) -> None:
    with pytest.raises(ValueError) as refused:
        run("WMStartWorld", tiny.model, tiny.vae, tiny.image, None, width, height)
    assert sentence in str(refused.value)
