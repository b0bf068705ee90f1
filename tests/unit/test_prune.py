"""Decoders with fewer channels: which ones are kept, and that the command measures what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from worldmodel.metrics.pictures import ssim
from worldmodel.tinyworld import prune
from worldmodel.tinyworld.__main__ import main
from worldmodel.tinyworld.export import export_vae
from worldmodel.tinyworld.run import Run
from worldmodel.tinyworld.train_vae import optimizers_for
from worldmodel.vae.tiny import TinyVAE


@pytest.fixture
def vae() -> TinyVAE:
    torch.manual_seed(0)
    return TinyVAE((8, 16, 16), (16, 16, 32)).eval()


def test_a_decoder_without_any_left_out_is_the_same(vae: TinyVAE) -> None:
    latents = torch.randn(2, 16, 3, 2, 3)
    with torch.inference_mode():
        torch.testing.assert_close(prune.prune_decoder(vae, 0.0).decode(latents), vae.decode(latents))


def test_what_carries_nothing_is_left_out_and_nothing_else_changes(vae: TinyVAE) -> None:
    """Where half of each group's channels are 0 and normalised as the others, the pruned decoder is the whole one."""
    half, decoder = torch.arange(32) % 4 < 2, vae.decoder
    for norm in (norm for block in decoder.coarse for norm in (block.norm1, block.norm2)):
        norm.forward = lambda x: x  # statistics of fewer channels are others
    with torch.no_grad():
        for conv in (decoder.stem, *(conv for block in decoder.coarse for conv in (block.conv1, block.conv2))):
            conv.weight[~half] = 0
            conv.bias[~half] = 0
    made = prune.prune_decoder(vae, 0.5)
    assert (len(made.decoder.norm.weight), len(made.decoder.coarse[0].norm1.weight)) == (8, 16)
    torch.testing.assert_close(made.decoder.stem.weight, decoder.stem.weight[half])
    for block in made.decoder.coarse:
        block.norm1.forward = block.norm2.forward = lambda x: x
    x = torch.randn(1, 2, 32, 2, 2) * half[:, None, None]
    with torch.inference_mode():
        whole, small = decoder.coarse[0](x, None), made.decoder.coarse[0](x[:, :, half], None)
    torch.testing.assert_close(whole[:, :, half], small, atol=1e-5, rtol=1e-4)


def test_widths_are_whole_channels_of_every_group() -> None:
    made = prune.prune_decoder(TinyVAE(), 0.75).decoder
    assert (len(made.norm.weight), len(made.middle[0].norm1.weight), made.stem.out_channels) == (16, 24, 40)
    assert made(torch.randn(1, 2, 16, 2, 2), None).shape == (1, 8, 3, 16, 16)


def test_pictures_are_as_alike_as_they_are() -> None:
    picture = torch.rand(4, 3, 24, 32, generator=torch.Generator().manual_seed(1))
    assert ssim(picture, picture).tolist() == pytest.approx([1.0] * 4)
    near, far = (ssim(picture, (picture + amount * torch.randn_like(picture)).clamp(0, 1)) for amount in (0.05, 0.4))
    assert (near > 0.8).all() and (far < 0.75).all() and (ssim(picture, 1 - picture) < 0).all()
    assert ssim(picture[0], picture[1]).shape == ()


def test_the_command_says_how_long_it_takes_and_prints_the_table(
    vae: TinyVAE, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prune, "CLIP_FRAMES", 5)
    monkeypatch.setattr(prune, "LATENTS_TIMED", 2)
    run = Run(tmp_path / "model", 1.0, vae, optimizers_for(vae, 1e-3))
    run.extra = {"mean": torch.zeros(16, 1, 1, 1), "std": torch.ones(16, 1, 1, 1)}
    run.save()
    from worldmodel.tinyworld import train_vae

    monkeypatch.setattr(train_vae, "load_run", lambda folder: vae)
    export_vae(tmp_path / "vae", tmp_path / "model", {}, tmp_path / "vae.safetensors")
    options = ["--vae", str(tmp_path / "vae.safetensors"), "--run", str(tmp_path / "runs"), "--clips", "2"]
    assert main(["--threads", str(torch.get_num_threads()), "prune", *options, "--minutes", "1e-5"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("3 decoders, 1e-05 minutes of a core each")
    assert [line.split()[0] for line in said[1:]] == ["0%", "50%", "75%"]
    assert [line.split("widths ")[1].split("  ")[0].strip() for line in said[1:]] == [
        "16, 16, 32",
        "8, 8, 16",
        "8, 8, 8",
    ]
