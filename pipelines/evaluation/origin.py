"""What an evaluation was made with and when, so that its numbers can be told from those of another version."""

from dataclasses import dataclass

from vfx_finder.domain.finding import ModelVersion


@dataclass(frozen=True)
class Origin:
    """`software` is the version of vfx_finder, `code` the sha256 of its sources that analyse, `models` the networks
    that answered (none where masks alone were judged), `date` the day (ISO 8601, UTC) the numbers were summed up."""

    software: str
    code: str
    models: tuple[ModelVersion, ...]
    date: str

    @property
    def words(self) -> str:
        """All of it in one sentence, with the first digits of each sha256."""
        told = [f"{one.name} {one.version} (sha256 {one.sha256[:12]})" for one in self.models] or ["no network"]
        return f"vfx_finder {self.software} (code {self.code[:12]}), {', '.join(told)}, {self.date}"
