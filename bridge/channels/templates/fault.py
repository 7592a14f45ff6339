"""What is wrong with a template."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TemplateFault:
    """A fault of a source: `offset` counts its characters, from 0."""

    offset: int
    problem: str


class TemplateFaults(Exception):
    """A template cannot be used; `faults` are all that were found, in the order of the source."""

    def __init__(self, *faults: TemplateFault) -> None:
        super().__init__(faults[0].problem)
        self.faults = faults
