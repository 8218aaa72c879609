"""JSON values with their file and path, for error messages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

LEAST, MOST = 1e-6, 1e9
"""Bounds of the size of a number, in metres, seconds or their quotients; 0 is allowed apart."""

BITS = 31


@dataclass(frozen=True)
class JsonValue:
    """One value of a JSON file, with typed accessors.

    Args:
        file: path of the file.
        path: position in the file, like `roads[3].lanes[0].width`; empty for the whole.
        value: parsed value.
    """

    file: Path
    path: str
    value: Any

    @classmethod
    def whole(cls, file: str | Path) -> JsonValue:
        """Parse a whole file.

        Raises:
            ValueError: the file cannot be read, or is not JSON.
        """
        file = Path(file)
        try:
            return cls(file, "", json.loads(file.read_text(encoding="utf-8")))
        except OSError as error:
            raise ValueError(f"{file} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise ValueError(f"{file} is not JSON: {error}") from error
        except RecursionError as error:
            raise ValueError(f"{file} is nested too deep to be read") from error

    def fail(self, wrong: str) -> NoReturn:
        """Raise an error about this value.

        Raises:
            ValueError: always.
        """
        raise ValueError(f"{self.file}: {self.path or 'the file'} {wrong}")

    def _is(self, kind: str, holds: bool) -> None:
        if not holds:
            try:
                shown = json.dumps(self.value)
            except RecursionError:
                shown = f"a {type(self.value).__name__} of many levels"
            self.fail(f"is {shown if len(shown) < 60 else shown[:57] + '...'}; it must be {kind}")

    def has(self, name: str) -> bool:
        """Whether this object has a member of that name."""
        self._is("an object", isinstance(self.value, dict))
        return name in self.value

    def __getitem__(self, name: str) -> JsonValue:
        """A required member of this object."""
        if not self.has(name):
            self.fail(f"has no {name}")
        return JsonValue(self.file, f"{self.path}.{name}".lstrip("."), self.value[name])

    def __iter__(self) -> Iterator[JsonValue]:
        """The entries of this list."""
        self._is("a list", isinstance(self.value, list))
        for number, value in enumerate(self.value):
            yield JsonValue(self.file, f"{self.path}[{number}]", value)

    def text(self) -> str:
        """A string."""
        self._is("a string", isinstance(self.value, str))
        return self.value

    def flag(self) -> bool:
        """A boolean."""
        self._is("true or false", isinstance(self.value, bool))
        return self.value

    def integer(self, low: int | None = None) -> int:
        """An integer of 32 bits, as CityFlow's, of at least `low`."""
        whole = isinstance(self.value, int) and not isinstance(self.value, bool)
        self._is("an integer", whole)
        self._is(f"at least {low}", low is None or self.value >= low)
        self._is("an integer of 32 bits", -(2**BITS) <= self.value < 2**BITS)
        return self.value

    def number(self) -> float:
        """A real number."""
        real = isinstance(self.value, int | float) and not isinstance(self.value, bool)
        # NaN differs from itself.
        self._is("a number", real and self.value == self.value)
        self._is(f"a number from {-MOST:g} to {MOST:g}", abs(self.value) <= MOST)
        return float(self.value)

    def positive(self) -> float:
        """A real number above 0."""
        self._is("above 0", self.number() > 0)
        self._is(f"at least {LEAST:g}", self.value >= LEAST)
        return float(self.value)

    def not_negative(self) -> float:
        """A real number of at least 0."""
        self._is("at least 0", self.number() >= 0)
        return float(self.value)
