"""A method with its settings, as one key: folders of maps, rows of tables and files of scores are told apart by it."""

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class MethodKey:
    """A method's name with the digest of its resolved settings; as text ``lime-1a2b3c4d5e6f``."""

    method: str
    settings_hash: str

    def __str__(self) -> str:
        """Return the name of the folder that holds its maps."""
        return f"{self.method}-{self.settings_hash}"

    @property
    def short(self) -> str:
        """Return the key with six digits, as people read it in tables."""
        return f"{self.method}-{self.settings_hash[:6]}"

    @classmethod
    def parse(cls, text: str) -> "MethodKey":
        """Return the key that `text` spells, the inverse of `str`; a name may hold hyphens itself."""
        method, _, digest = text.rpartition("-")
        return cls(method, digest)
