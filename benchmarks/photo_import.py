"""What it costs to bring a 20-megapixel JPEG to the size that networks take, beside a plain decode and resize.

    .venv/bin/python benchmarks/photo_import.py                     # photos made here; some two minutes
    .venv/bin/python benchmarks/photo_import.py --photos FOLDER     # your own
    .venv/bin/python benchmarks/photo_import.py --whole             # also a whole import, from files to index

Made photos are 5472 x 3648 pixels: soft light, edges and lettering-like marks of all sizes, and a sensor's noise, of
which there is more from photo to photo, as JPEG of quality 92 in 4:2:0. Times are CPU milliseconds of one thread a
photo, the least of several rounds; both ways take turns, so that a busy machine hits them alike. *Plain* decodes the
whole photo with Pillow, turns it upright, converts it to RGB and resizes it with Pillow's default filter (bicubic,
antialiased); *Brickbench* is `decode_photo`, which also reads the colour profile.
"""

import argparse
import io
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from core.seeding import generator
from dataset.photos.decode import decode_photo, working_size

WIDTH, HEIGHT = 5472, 3648
NOISE_LEVELS = (1.0, 3.0, 7.0, 11.0, 16.0)  # of 255; the last ones give files as large as detailed photos are
SIZES_PX = (512, 224)


def make_photo(number: int) -> bytes:
    """Return the JPEG of a made photo."""
    rng = generator(0, number)
    pixels = np.full((HEIGHT, WIDTH, 3), 128.0, dtype=np.float32)
    for scale in (8, 32, 128, 512, 2048):
        coarse = rng.normal(0.0, 4.0 + scale**0.5, (HEIGHT // scale + 2, WIDTH // scale + 2, 3)).astype(np.float32)
        pixels += cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    picture = pixels.clip(0, 255).astype(np.uint8)
    for _ in range(60):
        centre, size = rng.uniform(0, [WIDTH, HEIGHT]), rng.uniform(30, 600, 2)
        corners = cv2.boxPoints((centre.tolist(), size.tolist(), float(rng.uniform(0, 90)))).astype(np.int32)
        cv2.fillConvexPoly(picture, corners, rng.integers(0, 255, 3).tolist(), lineType=cv2.LINE_AA)
        for stud in rng.uniform(-0.4, 0.4, (8, 2)):
            spot = (centre + stud * size.min()).astype(int).tolist()
            cv2.circle(picture, spot, int(size.min() / 12) + 1, rng.integers(0, 255, 3).tolist(), 3, cv2.LINE_AA)
    noise = rng.normal(0.0, NOISE_LEVELS[number % len(NOISE_LEVELS)], (HEIGHT, WIDTH, 3)).astype(np.float32)
    noisy = (cv2.GaussianBlur(picture, (0, 0), 0.8) + noise).clip(0, 255).astype(np.uint8)
    return bytes(cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes())


def plain(data: bytes, size_px: int) -> np.ndarray:
    """Return the photo as one would write it down first."""
    with Image.open(io.BytesIO(data)) as stored:
        whole = ImageOps.exif_transpose(stored).convert("RGB")
    return np.asarray(whole.resize(working_size(*whole.size, size_px)))


def cost_ms(ways: Sequence[Callable[[bytes, int], object]], data: bytes, size_px: int, rounds: int) -> list[float]:
    """Return the least CPU time of each way."""
    best = [float("inf")] * len(ways)
    for _ in range(rounds):
        for number, way in enumerate(ways):
            start = time.process_time()
            way(data, size_px)
            best[number] = min(best[number], (time.process_time() - start) * 1000.0)
    return best


def print_table(photos: Sequence[bytes], rounds: int) -> None:
    """Print one row a size, the mean over the photos, and one a photo at the first size."""
    print("| photo | to | plain | Brickbench | ratio |\n| --- | --- | --- | --- | --- |")
    for size_px in SIZES_PX:
        costs = np.array([cost_ms((plain, decode_photo), data, size_px, rounds) for data in photos])
        for data, (slow, fast) in zip(photos, costs, strict=True):
            name = f"{len(data) / 1e6:.1f} MB"
            print(f"| {name} | {size_px} px | {slow:.0f} ms | {fast:.0f} ms | {slow / fast:.1f} |")
        slow, fast = costs.mean(axis=0)
        print(f"| **mean** | {size_px} px | {slow:.0f} ms | {fast:.0f} ms | **{slow / fast:.1f}** |", flush=True)


def time_import(photos: Sequence[bytes], copies: int, workers: int) -> None:
    """Print how long a whole import takes: reading, decoding, duplicates, shards, index."""
    from dataset.photos.importing import import_photos
    from dataset.photos.settings import PhotoImportSettings

    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "photos/3001"
        source.mkdir(parents=True)
        for number in range(copies * len(photos)):
            # Bytes behind the end of a JPEG are ignored; they make each file a photo of its own.
            (source / f"{number}.jpg").write_bytes(photos[number % len(photos)] + number.to_bytes(4, "big"))
        start = time.perf_counter()
        settings = PhotoImportSettings(keep_names=True)
        report = import_photos(source.parent, Path(folder) / "dataset", settings, workers=workers)
        seconds = time.perf_counter() - start
    print(f"\nWhole import with {workers} workers: {report.came_in} photos in {seconds:.1f} s, "
          f"{seconds / report.came_in * 1000:.0f} ms a photo.")  # fmt: skip


def main() -> None:
    """Read the options and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="folder of JPEGs; left out: photos are made")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--whole", action="store_true", help="time a whole import as well")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    if options.photos:
        photos = [path.read_bytes() for path in sorted(options.photos.glob("*.[jJ][pP]*[gG]"))]
    else:
        photos = [make_photo(number) for number in range(len(NOISE_LEVELS))]
    print_table(photos, options.rounds)
    if options.whole:
        time_import(photos, 20, options.workers)


if __name__ == "__main__":
    main()
