"""What a picture costs and how close it comes to a reference, beside a plain configuration of Cycles.

    .venv/bin/python benchmarks/render_cost.py                     # 128, 256, 512 pixels; an hour, mostly references
    .venv/bin/python benchmarks/render_cost.py --sizes 128 --scenes 2

Scenes are piles of eight bricks under one of Blender's panoramas. Times are CPU-seconds over all threads, the mean over
the scenes. PSNR and SSIM are those of display values (sRGB, exposure 0, no sensor noise) against 1,024 samples of the
same scene, denoised at the highest quality; SSIM error is 1 - SSIM (Wang et al. 2004), the perceptual one. *Plain*
lights the scene by the panorama itself, with Blender's default settings, and writes a PNG; its reference is lit alike.

Path tracing and denoising cannot be timed from inside: with t(n) the time of a render with n samples without denoising,
path tracing is n (t(n) - t(1)) / (n - 1), scene update the rest of t(n), and denoising what it adds to t(n).
"""

import argparse
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from dataset.shards import write_shard
from render import blender
from render.camera import Camera
from render.framing import frame_pile
from render.labels import cast_masks
from render.physics import settle
from render.pile import SettledPile, sample_pile
from render.rows import record_of
from render.scene import set_up_renderer, staged, take_picture, viewed
from render.sensor import develop
from render.settings import RenderSettings
from render.shots import Shot
from render.tone import to_srgb
from render.worker import start_blender

REFERENCE_SAMPLES = 1024
SCENES = (("interior", "desk"), ("courtyard", "wood"), ("studio", "paper"), ("city", "plain"))
SENSOR = {"exposure_min_ev": 0, "exposure_max_ev": 0, "vignetting_max": 0, "gain_max": 0, "jpeg_quality_min": 95}
STAGES = ("sampling", "physics", "scene", "tracing", "denoising", "labels", "writing")


@dataclass(frozen=True)
class Configuration:
    """One way of rendering."""

    name: str
    samples: int
    plain: bool = False
    denoised: bool = True


CONFIGURATIONS = (
    Configuration("plain", 32, plain=True),
    Configuration("plain, not denoised", 32, plain=True, denoised=False),
    *(Configuration("Brickbench", samples) for samples in (2, 4, 8, 16, 32)),
)


def settings_of(scene: int, size_px: int, samples: int, *, plain: bool) -> RenderSettings:
    """Return the settings of a scene."""
    lighting, floor = SCENES[scene]
    return RenderSettings.parse(
        {
            "bricks_min": 8, "bricks_max": 8, "lightings": [lighting], "backgrounds": [floor],
            "image_size_px": size_px, "samples": samples, "environment": "exact" if plain else "fitted",
            "sensor": SENSOR, "arrangements": ["scattered"], "spread": 0.7,
            "camera": {"margin_min": 0.03, "margin_max": 0.06}, "image_format": "png" if plain else "jpg",
        }
    )  # fmt: skip


def set_up(configuration: Configuration, samples: int, *, denoised: bool) -> None:
    """Set Cycles up for this configuration."""
    set_up_renderer(samples)
    cycles = blender.bpy.context.scene.cycles
    cycles.use_denoising = denoised
    if configuration.plain:  # as Blender comes
        cycles.use_light_tree = True
        cycles.denoising_prefilter, cycles.denoising_quality = "ACCURATE", "HIGH"
        cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces, cycles.transmission_bounces = 12, 4, 4, 12
        cycles.caustics_reflective = cycles.caustics_refractive = True
        cycles.sample_clamp_indirect, cycles.blur_glossy = 10.0, 1.0


def measure(
    scene: int, size_px: int, configuration: Configuration, reference_folder: Path
) -> tuple[dict[str, float], float, float]:
    """Return CPU-seconds by stage, PSNR in dB and SSIM error of one configuration in one scene."""
    settings = settings_of(scene, size_px, configuration.samples, plain=configuration.plain)
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch, blender.quiet():
        sample_pile(settings, 0, scene)  # parts and fitted panoramas are made once a process
        clock = time.process_time()
        pile = sample_pile(settings, 0, scene)
        clock = _lap(seconds, "sampling", clock)
        settled = settle(pile)
        _lap(seconds, "physics", clock)
        camera = frame_pile(pile.views[0].camera, settled.corners_mm(), size_px)
        reference = _reference(reference_folder, settled, camera, configuration, f"{scene}-{size_px}")

        def render(samples: int, *, denoised: bool) -> tuple[NDArray[np.float32], float]:
            set_up(configuration, samples, denoised=denoised)
            view, began = pile.views[0], time.process_time()
            with staged(settled), viewed(view.floor, view.lighting, camera):
                radiance = take_picture(Path(scratch), 1)
            return radiance, time.process_time() - began

        render(1, denoised=configuration.denoised)  # kernels and shaders are loaded once a process
        n = configuration.samples
        one, noisy = render(1, denoised=False)[1], render(n, denoised=False)[1]
        radiance, whole = render(n, denoised=configuration.denoised)
        seconds["tracing"] = n * (noisy - one) / (n - 1)
        seconds["scene"] = noisy - seconds["tracing"]
        seconds["denoising"] = max(whole - noisy, 0.0) if configuration.denoised else 0.0
        clock = time.process_time()
        masks = cast_masks(settled, camera)
        clock = _lap(seconds, "labels", clock)
        view = pile.views[0]
        image = develop(radiance, view.lighting.light_rgb, view.sensor, 0.0, np.random.default_rng(0))
        shot = Shot(0, None, settled, camera, 0.0, image, masks, None)
        write_shard(Path(scratch) / "dataset", 0, [record_of(pile, shot, settings)])
        _lap(seconds, "writing", clock)
    ours, truth = to_srgb(radiance), to_srgb(reference)
    error = np.mean((ours / 255.0 - truth / 255.0) ** 2)
    similarity = structural_similarity(ours, truth, channel_axis=2, data_range=255)
    return seconds, float(-10 * np.log10(error)), 1 - float(similarity)


def _lap(seconds: dict[str, float], stage: str, since: float) -> float:
    now = time.process_time()
    seconds[stage] = now - since
    return now


def _reference(
    folder: Path, settled: SettledPile, camera: Camera, configuration: Configuration, name: str
) -> NDArray[np.float32]:
    path = folder / f"{name}-{'exact' if configuration.plain else 'fitted'}.npy"
    if not path.exists():
        set_up(configuration, REFERENCE_SAMPLES, denoised=True)
        cycles = blender.bpy.context.scene.cycles
        cycles.denoising_prefilter, cycles.denoising_quality = "ACCURATE", "HIGH"
        view = settled.pile.views[0]
        with staged(settled), viewed(view.floor, view.lighting, camera):
            radiance = take_picture(folder, 99)
        np.save(path, radiance)
    return np.asarray(np.load(path))


def main() -> None:
    """Print the table, in Markdown."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--sizes", default="128,256,512", help="pixels, separated by commas")
    parser.add_argument("--scenes", type=int, default=2, help=f"how many of the {len(SCENES)} scenes")
    parser.add_argument("--references", type=Path, help="folder to keep the references in")
    arguments = parser.parse_args()
    start_blender(1)
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.split(":")[1].strip() for line in lines if "model name" in line), "an unknown processor")
    print(f"{model}, {os.cpu_count()} logical cores; Blender {blender.bpy.app.version_string}\n")
    print("| px | configuration | samples |", *(f"{stage} |" for stage in STAGES), "CPU-s | PSNR dB | SSIM error |")
    print("|" + " ---: | --- |" + " ---: |" * (len(STAGES) + 4), flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.references or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for size_px in map(int, arguments.sizes.split(",")):
            for configuration in CONFIGURATIONS:
                found = [measure(scene, size_px, configuration, folder) for scene in range(arguments.scenes)]
                means = {stage: np.mean([seconds[stage] for seconds, _, _ in found]) for stage in STAGES}
                print(
                    f"| {size_px} | {configuration.name} | {configuration.samples} |",
                    *(f"{means[stage]:.2f} |" for stage in STAGES),
                    f"{sum(means.values()):.2f} | {np.mean([psnr for _, psnr, _ in found]):.1f} |"
                    f" {np.mean([ssim for _, _, ssim in found]):.4f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
