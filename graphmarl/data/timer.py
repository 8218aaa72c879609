"""Where the time of a run goes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Timer:
    """Seconds spent in named parts; parts do not overlap."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count the time of the block to one part."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def take(self) -> dict[str, float]:
        """The seconds since they were last taken."""
        seconds, self.seconds = self.seconds, {}
        return seconds
