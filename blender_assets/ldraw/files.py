"""Finding the files of an LDraw library, whatever their case and slashes."""

from pathlib import Path

from core.errors import SettingsError

FOLDERS = ("parts", "p", "parts/s", "p/48", "p/8")
"""Where a name is looked up, in this order: a name may carry its subfolder (``s\\3001s01.dat``) or lack it."""


class LDrawFiles:
    """The files of one library folder."""

    def __init__(self, root: Path) -> None:
        """Take `root`, which holds ``parts/`` and ``p/``; SettingsError if it does not."""
        self.root = root
        folders = {entry.name.lower(): entry for entry in root.iterdir() if entry.is_dir()} if root.is_dir() else {}
        if not {"parts", "p"} <= set(folders):
            raise SettingsError(
                f"{root} is no LDraw library: a folder with parts/ and p/ inside was expected "
                "(unpack complete.zip from ldraw.org and name its folder ldraw)."
            )
        self._real = {name: folders[name] for name in ("parts", "p")}
        self._names: dict[str, dict[str, Path]] = {}

    def find(self, name: str) -> Path | None:
        """Return the file that a reference means, or None: case does not matter, slashes may lean either way."""
        lower_name = name.strip().replace("\\", "/").lower().removeprefix("./")
        for folder in FOLDERS:
            subfolder, _, base = f"{folder}/{lower_name}".rpartition("/")
            file = self.listing(subfolder).get(base)
            if file is not None:
                return file
        return None

    def listing(self, folder: str) -> dict[str, Path]:
        """Return the files in `folder` (lower case, below the root) by their names in lower case; read once."""
        if folder not in self._names:
            path = self._folder(folder)
            entries = () if path is None else path.iterdir()
            self._names[folder] = {entry.name.lower(): entry for entry in entries}
        return self._names[folder]

    def _folder(self, folder: str) -> Path | None:
        top, _, rest = folder.partition("/")
        path: Path | None = self._real.get(top)
        for step in rest.split("/") if rest else ():
            path = None if path is None else self.listing(str(Path(folder).parent)).get(step)
        return path if path is not None and path.is_dir() else None
