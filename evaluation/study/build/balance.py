"""Balance for any numbers: the edges of a bipartite graph coloured so that each colour is as frequent as any other."""

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
_NONE = -1


def balanced_colours(left: IntArray, right: IntArray, colours: int, rng: np.random.Generator) -> IntArray:
    """Return a colour, 0 to `colours` - 1, of each edge of a bipartite graph.

    At every vertex on either side, and over all edges, the numbers of edges of any two colours differ by 1 at most.
    With participants on the left, items on the right and as many colours as a participant has trials, the colours are
    the rows of a Latin square, whole or not: each participant has each place once, each item each place equally often.

    After de Werra's equitable edge colourings: a vertex is split into ones of `colours` edges each (the last of fewer),
    which König's theorem allows to be coloured without a colour occurring twice at any.

    Args:
        left: (E,) vertex of each edge, on one side.
        right: (E,) on the other; the two sides number their vertices apart. No edge occurs twice.
        colours: 1 or more.
        rng: the colouring is drawn among many; not each has the same probability.
    """
    order = rng.permutation(len(left))
    starts = _split(left[order], colours)
    ends = _split(right[order], colours) + int(starts.max(initial=-1)) + 1
    graph = _Colouring(starts, ends, colours)
    for edge in range(len(order)):
        graph.add(edge, rng)
    graph.even_out()
    colour = np.empty(len(order), dtype=np.int64)
    colour[order] = rng.permutation(colours)[graph.colour]
    return colour


def _split(vertices: IntArray, size: int) -> IntArray:
    """Return numbers of the parts of vertices, 0 and up: a part has `size` edges at most, the last alone fewer."""
    parts: dict[tuple[int, int], int] = {}
    seen: dict[int, int] = {}
    part_of = np.empty(len(vertices), dtype=np.int64)
    for edge, vertex in enumerate(vertices.tolist()):
        count = seen.get(vertex, 0)
        seen[vertex] = count + 1
        part_of[edge] = parts.setdefault((vertex, count // size), len(parts))
    return part_of


class _Colouring:
    """A colouring in the making, in which no vertex has a colour twice."""

    def __init__(self, starts: IntArray, ends: IntArray, colours: int) -> None:
        self._ends = np.stack([starts, ends], axis=1)
        self._at = np.full((int(self._ends.max(initial=-1)) + 1, colours), _NONE)  # vertex, colour: the edge
        self.colour = np.full(len(starts), _NONE, dtype=np.int64)

    def add(self, edge: int, rng: np.random.Generator) -> None:
        """Colour an edge; others may change colour to make room for it."""
        start, end = self._ends[edge]
        free_start, free_end = self._at[start] == _NONE, self._at[end] == _NONE
        common = np.flatnonzero(free_start & free_end)
        if len(common):
            chosen = int(rng.choice(common))
        else:
            chosen, other = int(rng.choice(np.flatnonzero(free_start))), int(rng.choice(np.flatnonzero(free_end)))
            self._exchange(self._path(int(end), chosen, other), chosen, other)  # it never comes to `start`
        self._set(edge, chosen)

    def even_out(self) -> None:
        """Exchange colours along paths until each has as many edges as any other, or one more or less."""
        while True:
            counts = np.bincount(self.colour, minlength=self._at.shape[1])
            most, least = int(counts.argmax()), int(counts.argmin())
            if counts[most] - counts[least] <= 1:
                return
            begins = np.flatnonzero((self._at[:, most] != _NONE) & (self._at[:, least] == _NONE))
            paths = (self._path(int(vertex), most, least) for vertex in begins)
            self._exchange(next(path for path in paths if len(path) % 2), most, least)

    def _path(self, vertex: int, first: int, second: int) -> list[int]:
        """Return the edges from `vertex` on whose colours are `first`, `second`, `first` and so on."""
        path: list[int] = []
        colour = first
        while (edge := int(self._at[vertex, colour])) != _NONE:
            path.append(edge)
            start, end = self._ends[edge]
            vertex = int(end if vertex == start else start)
            colour = second if colour == first else first
        return path

    def _exchange(self, path: list[int], first: int, second: int) -> None:
        before = self.colour[path]
        for edge in path:
            self._at[self._ends[edge], self.colour[edge]] = _NONE
        for edge, colour in zip(path, before.tolist(), strict=True):
            self._set(edge, second if colour == first else first)

    def _set(self, edge: int, colour: int) -> None:
        self.colour[edge] = colour
        self._at[self._ends[edge], colour] = edge
