"""How long the page of `dataset browse` takes to answer on a large index: prints a table.

The index is made up but has the real tables; pictures are a few hundred real JPEGs that its rows share.

    python benchmarks/browse_speed.py --images 100000
"""

import argparse
import http.client
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from core.cli import print_rows
from core.files import sha256_hex
from core.seeding import generator
from dataset.database import INDEX_NAME, connect
from dataset.dataset_folder import DatasetFolder
from dataset.manifest import Manifest, PartInfo
from dataset.masks import encode_mask
from dataset.merge import apply_manifest, create_tables

PARTS, FILES, SIZE_PX, BRICKS, MASKS = 198, 360, 512, 6, 3000  # BRICKS: of a picture, on average
REPEATS = 9
# Views that are asked for in turn: each address once, so that nothing comes from a cache of answers.
PAGES = {
    "first page": [f"/?page={n}" for n in range(1, REPEATS + 1)],
    "a page in the middle": [f"/?page={800 + n}" for n in range(REPEATS)],
    "a page near the end": [f"/?page={1650 + n}" for n in range(REPEATS)],
    "a new filter: one part": [f"/?part=p{n:03d}" for n in range(REPEATS)],
    "a new filter: two parts": [f"/?part=p{n:03d}&part=p{n + 20:03d}" for n in range(REPEATS)],
    "a new filter: light and floor": [f"/?light=light_{n}&floor=floor_{n}" for n in range(REPEATS)],
    "a new filter: part 20 to 40 % seen": [f"/?part=p{n:03d}&visible_min=20&visible_max=40" for n in range(REPEATS)],
    "a new filter: any brick under n % seen": [f"/?visible_max={n + 1}" for n in range(REPEATS)],
    "page 500 of a filter": [f"/?light=light_1&light=light_2&light=light_3&page={200 + n}" for n in range(REPEATS)],
    "one picture": [f"/image/p{11_000 * n:08d}_v00" for n in range(REPEATS)],
    "one picture within a filter": [f"/image/p{10_007 * n:08d}_v00?light=light_2" for n in range(REPEATS)],
    "masks of one picture": [f"/bricks/p{9_001 * n:08d}_v00" for n in range(REPEATS)],
    "a thumbnail, new": [f"/thumbnail/p{n:08d}_v00" for n in range(40, 40 + REPEATS)],
    "a thumbnail, again": [f"/thumbnail/p{n:08d}_v00" for n in range(40, 40 + REPEATS)],
    "a picture": [f"/picture/p{n:08d}_v00" for n in range(REPEATS)],
}


def make_dataset(root: Path, images: int) -> None:
    """Write a dataset of `images` pictures with six times as many bricks."""
    parts = tuple(PartInfo(part_id=f"p{n:03d}", name=f"Part number {n}", category="brick") for n in range(PARTS))
    manifest = Manifest(seed=0, parts=parts)
    manifest.save_folder(root)
    rng = generator(0)
    folder = root / "shards" / "000000" / "images"
    folder.mkdir(parents=True)
    hashes = []
    for number in range(FILES):
        noise = cv2.resize(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8), (SIZE_PX, SIZE_PX))
        data = cv2.imencode(".jpg", noise, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
        (folder / f"{number}.jpg").write_bytes(data)
        hashes.append(sha256_hex(data))
    y, x = np.mgrid[:SIZE_PX, :SIZE_PX]
    angle, distance = np.arctan2(y - 300, x - 200), np.hypot(y - 300, x - 200)
    rles = [
        encode_mask(distance < 50 + 10 * np.sin(angle * rng.integers(3, 9) + rng.uniform(0, 6)) + rng.uniform(-9, 9))
        for _ in range(MASKS)
    ]
    camera = "[1,0,0,0, 0,1,0,0, 0,0,1,0]::DOUBLE[12]"
    with connect(root / INDEX_NAME, read_only=False) as index:
        create_tables(index)
        apply_manifest(index, DatasetFolder(root, manifest))
        index.execute(
            "CREATE TEMP TABLE hashes AS SELECT unnest(?) AS content_hash, unnest(range(?)) AS n", [hashes, FILES]
        )
        index.execute(
            "INSERT INTO images BY NAME SELECT format('p{:08d}_v00', i) AS image_id, "
            "format('{:06d}', i // 64) AS shard, "
            "'synthetic' AS source, ['train','train','train','val','test'][1 + (hash(i) % 5)::BIGINT] AS split, "
            "format('pile-{:08d}', i) AS group_id, format('shards/000000/images/{}.jpg', n) AS file, "
            f"{SIZE_PX} AS width, {SIZE_PX} AS height, content_hash, i AS pile_index, 0 AS view_index, 0 AS seed, "
            "1 AS attempts, ['scattered','heap'][1 + (hash(i + 1) % 2)::BIGINT] AS arrangement, 0 AS distractors, "
            "'floor_' || hash(i + 2) % 11 AS background, 'light_' || hash(i + 3) % 17 AS lighting, 0.1 AS exposure, "
            "1.0 AS sensor_gain, 90 AS jpeg_quality, 1.0 AS camera_aperture_mm, 600.0 AS camera_fx_px, "
            f"{camera} AS camera_from_world, 1.0 AS camera_azimuth_deg, 45.0 AS camera_elevation_deg, "
            f"300.0 AS camera_distance_mm FROM (SELECT range AS i FROM range({images})) "
            f"JOIN hashes ON hashes.n = i % {FILES} ORDER BY i"
        )
        index.execute("CREATE TEMP TABLE rles AS SELECT unnest(?) AS rle, unnest(range(?)) AS n", [rles, MASKS])
        index.execute(
            "INSERT INTO instances BY NAME SELECT image_id, j AS instance_id, "
            f"format('p{{:03d}}', hash(i * 100 + j) % {PARTS}) AS part_id, 4 AS color_id, "
            "[140, 240, 120, 120] AS box_xywh_px, "
            "11000 AS visible_px, 12000 AS amodal_px, 1.0 AS in_frame_fraction, "
            "(hash(i * 37 + j) % 10001) / 10000 AS visible_fraction, rle AS visible_rle, rle AS amodal_rle, "
            f"{camera} AS world_from_part FROM (SELECT image_id, pile_index AS i FROM images), "
            f"range({BRICKS * 2 - 1}) t(j) JOIN rles ON rles.n = hash(i + j * 13) % {MASKS} "
            f"WHERE j <= hash(i + 7) % {BRICKS * 2 - 1} ORDER BY i, j"
        )
        index.execute(
            "INSERT INTO labels SELECT DISTINCT image_id, part_id FROM instances WHERE visible_fraction >= 0.25 "
            "ORDER BY image_id, part_id"
        )


def measure(root: Path) -> None:
    """Serve the dataset and print what each kind of request takes."""
    command = [sys.executable, "-m", "brickbench", "dataset", "browse", str(root), "--port", "0"]
    started = time.perf_counter()
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        line = server.stderr.readline()
        print(f"from the command to the page: {time.perf_counter() - started:.1f} s", file=sys.stderr)
        port = int(line.split("127.0.0.1:")[1].split("/")[0])
        connection = http.client.HTTPConnection("127.0.0.1", port)
        _ask(connection, "/static/browse.css")
        rows = []
        for name, addresses in PAGES.items():
            found = [_ask(connection, address) for address in addresses]
            times = sorted(1e3 * seconds for seconds, _ in found)
            rows.append(
                {
                    "request": name,
                    "fastest_ms": round(times[0], 1),
                    "median_ms": round(statistics.median(times), 1),
                    "slowest_ms": round(times[-1], 1),
                    "kB": round(statistics.mean(size for _, size in found) / 1e3, 1),
                }
            )
        server.terminate()
    print_rows(rows, as_json=False)


def _ask(connection: http.client.HTTPConnection, address: str) -> tuple[float, int]:
    started = time.perf_counter()
    connection.request("GET", address)
    answer = connection.getresponse()
    data = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{address}: {answer.status} {data[:200]!r}")
    return time.perf_counter() - started, len(data)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        make_dataset(Path(scratch), chosen.images)
        measure(Path(scratch))
