"""A card written: README.md with examples.jpg, card.html, and the settings of the render."""

from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import yaml

from core.errors import BrickbenchError
from core.files import all_or_none, output_file, require_new
from core.pages import markdown_text
from dataset.card.charts import bar_chart, column_chart, heat_map
from dataset.card.examples import choose_examples, contact_sheet
from dataset.card.facts import VISIBLE_BINS, Facts, read_facts
from dataset.card.making import RENDER_SETTINGS, how_made, known_limits, software
from dataset.dataset_folder import DatasetFolder
from dataset.splits import SPLITS

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"), (10**7, "1M<n<10M"))
_PAIRS_SHOWN = 10


def write_card(dataset: DatasetFolder, out: Path, *, licence: str, seed: int, force: bool) -> list[Path]:
    """Write the card of a dataset into `out`, made if need be, and return its files; equal inputs, equal bytes.

    Examples are chosen by `seed`; with `force`, files that are there are written over.

    Raises:
        BrickbenchError: there is no index, a file is there already, or `out` cannot be written.
    """
    files = render_card(dataset, licence=licence, seed=seed)
    require_new(*(out / name for name in files), force=force)
    paths = {out / name: data for name, data in files.items()}
    with all_or_none(*paths):
        for path, data in paths.items():
            with output_file(path, "Choose another folder with -o.") as temporary:
                temporary.write_bytes(data)
    return list(paths)


def render_card(dataset: DatasetFolder, *, licence: str, seed: int) -> dict[str, bytes]:
    """Return the files of a card by name; raises BrickbenchError if there is no index, or an example is damaged."""
    manifest, name = dataset.manifest, dataset.name
    facts = read_facts(dataset)
    if not facts.totals["images"]:
        raise BrickbenchError(
            f"The dataset {dataset.root} has no picture yet, so there is nothing to say of it. Render some first."
        )
    making = how_made(dataset, facts)
    examples = choose_examples(dataset, seed)
    context = {
        "name": name,
        "front": _front_matter(name, licence, facts),
        "licence": licence,
        "facts": facts,
        "manifest": manifest,
        "splits": SPLITS,
        "making": making,
        "limits": known_limits(facts, manifest),
        "examples": examples,
        "software": software(),
        "pairs": _pairs(facts),
        "visible": _visible_rows(facts),
        "charts": _charts(facts),
        "render_settings": RENDER_SETTINGS,
    }
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dataset.card"),
        autoescape=jinja2.select_autoescape(["html.j2"]),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["number"] = "{:,}".format
    environment.filters["markdown"] = markdown_text
    files = {
        template.removesuffix(".j2"): environment.get_template(template).render(context).encode()
        for template in ("README.md.j2", "card.html.j2")
    }
    files["examples.jpg"] = contact_sheet(examples)
    if making.settings is not None:
        files[RENDER_SETTINGS] = making.settings.encode()
    return files


def _front_matter(name: str, licence: str, facts: Facts) -> str:
    """Return the YAML that the Hugging Face Hub reads, without its fences."""
    tasks = ["image-classification"]
    if facts.totals["instances"]:
        tasks.append("object-detection")
    if facts.totals["masks"]:
        tasks.append("image-segmentation")
    kinds = [kind for kind, count in (("synthetic", "synthetic"), ("photographs", "photos")) if facts.totals[count]]
    size = next((size for limit, size in _SIZES if facts.totals["images"] < limit), "n>1T")
    values = {
        "license": licence,
        "pretty_name": name,
        "task_categories": tasks,
        "task_ids": ["multi-label-image-classification"],
        "size_categories": [size],
        "tags": ["lego", "bricks", "brickbench", "multi-label", *kinds],
    }
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def _pairs(facts: Facts) -> list[tuple[str, str, int]]:
    """Return the names of the parts that are most often labels of one picture, with the pictures."""
    names = {part.part_id: f"{part.name} ({part.part_id})" for part in facts.parts}
    ids, counts = facts.together.part_ids, facts.together.counts
    rows, columns = np.triu_indices(len(ids), k=1)
    order = np.argsort(-counts[rows, columns], kind="stable")[:_PAIRS_SHOWN]
    found = ((ids[rows[at]], ids[columns[at]], int(counts[rows[at], columns[at]])) for at in order)
    return [(names[one], names[other], images) for one, other, images in found if images]


def _visible_rows(facts: Facts) -> list[tuple[str, int, float]]:
    """Return tenths of the visible fraction with their bricks and share."""
    tenths = facts.visible.reshape(10, -1).sum(axis=1).tolist()
    total = max(sum(tenths), 1)
    return [(f"{10 * at} to {10 * at + 10} %", count, count / total) for at, count in enumerate(tenths)]


def _charts(facts: Facts) -> dict[str, Any]:
    names = {part.part_id: part.name for part in facts.parts}
    step = 100 // VISIBLE_BINS
    most = max(facts.bricks_per_image)
    width = max(1, -(-(most + 1) // 40))  # bricks a column: heaps have hundreds
    columns = [0] * (most // width + 1)
    for bricks, images in facts.bricks_per_image.items():
        columns[bricks // width] += images
    spans = [
        f"{at * width} to {at * width + width - 1} bricks" if width > 1 else f"{at} bricks"
        for at in range(len(columns))
    ]
    every = max(1, len(columns) // 8)
    return {
        "visible": column_chart(
            facts.visible.tolist(),
            {
                0: "0 %",
                VISIBLE_BINS // 4: "25 %",
                VISIBLE_BINS // 2: "50 %",
                VISIBLE_BINS * 3 // 4: "75 %",
                VISIBLE_BINS: "100 %",
            },
            "Bricks by the share of their silhouette that is seen.",
            [f"{step * at} to {step * at + step} %" for at in range(VISIBLE_BINS)],
        ),
        "bricks": column_chart(
            columns,
            {at + 0.5: str(at * width) for at in range(0, len(columns), every)},
            "Pictures by how many bricks lie in them.",
            spans,
        ),
        "floors": bar_chart([(floor.replace("_", " "), n) for floor, n in facts.floors], "Pictures by floor."),
        "lights": bar_chart([(light.replace("_", " "), n) for light, n in facts.lights], "Pictures by light."),
        "together": heat_map(
            [(part_id, names[part_id]) for part_id in facts.together.part_ids],
            facts.together.counts,
            "Pictures in which two parts are labels.",
        ),
    }
