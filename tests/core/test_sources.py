"""What the source must not hold: randomness without a seed, clocks in data, Blender in more than one place."""

import ast
from pathlib import Path

import brickbench

ROOT = Path(brickbench.__file__).parent
STAGES = (*brickbench.STAGES,)
SOURCES = sorted(path for stage in STAGES for path in (ROOT / stage).rglob("*.py"))

BANNED_CALLS = {
    "np.random.seed", "np.random.rand", "np.random.randn", "np.random.randint", "np.random.choice",
    "np.random.shuffle", "np.random.permutation", "np.random.uniform", "np.random.normal", "numpy.random.seed",
    "random.random", "random.seed", "random.choice", "random.shuffle", "random.randint", "random.sample",
    "uuid.uuid1", "uuid.uuid4", "time.time", "datetime.now", "datetime.datetime.now", "datetime.utcnow",
}  # fmt: skip


def dotted(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def test_no_unseeded_randomness_and_no_clock_decides_content() -> None:
    wrong = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = dotted(node.func)
                if name in BANNED_CALLS:
                    wrong.append(f"{path}:{node.lineno} calls {name}")
                if name.endswith("default_rng") and not node.args and not node.keywords:
                    wrong.append(f"{path}:{node.lineno} makes a generator without a seed")
    assert len(SOURCES) > 100
    assert wrong == []


def test_blender_is_imported_in_one_place() -> None:
    importers = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            if any(name.split(".")[0] in {"bpy", "mathutils"} for name in names):
                importers.append(str(path.relative_to(ROOT)))
    assert set(importers) == {"render/blender.py"}
