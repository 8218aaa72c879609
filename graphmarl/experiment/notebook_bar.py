"""Progress bar in the output of a notebook cell."""

from __future__ import annotations

from datetime import timedelta
from html import escape
from typing import Any

STYLE = "font: 13px monospace; white-space: pre-wrap"


class NotebookBar:
    """One output of a cell that is updated in place, without widgets.

    Args:
        name: what is done.
        total: the number at which it is done.
    """

    def __init__(self, name: str, total: float) -> None:
        # A kernel has IPython; nothing else needs it.
        from IPython.display import display

        self.name, self.total = name, total
        self.handle: Any = display(self.bundle(0, "", 0), raw=True, display_id=True)

    def update(self, done: float, text: str, seconds: float) -> None:
        """Show how much is done.

        Args:
            done: a number up to the total.
            text: what else is known.
            seconds: seconds since the start.
        """
        self.handle.update(self.bundle(done, text, seconds), raw=True)

    def bundle(self, done: float, text: str, seconds: float) -> dict[str, str]:
        """The bar as HTML, and as text for frontends without it."""
        elapsed = str(timedelta(seconds=int(seconds)))
        if 0 < done < self.total:
            left = timedelta(seconds=int(seconds * (self.total - done) / done))
            elapsed += f", {left} left"
        line = ", ".join(part for part in (text, elapsed) if part)
        bar = f'<progress value="{min(done, self.total)}" max="{self.total}"></progress>'
        html = f'<div style="{STYLE}">{escape(self.name)} {bar} {escape(line)}</div>'
        return {"text/html": html, "text/plain": f"{self.name}: {line}"}
