"""The commands that list methods, environments and graph builders, without importing them."""

from __future__ import annotations

from graphmarl.cli.parsing import PARTS, Parser, parse
from graphmarl.envs import ENVS
from graphmarl.graphs import WRAPPERS
from graphmarl.methods import METHODS
from graphmarl.methods.table import method_table
from graphmarl.resolver import Registry


def methods_command(words: list[str]) -> None:
    """Print the table of methods, for a terminal or as Markdown."""
    parser = Parser("methods", "List the methods and what they support.", ["methods"])
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table")
    if parse(parser, words).get("markdown"):
        print(markdown_methods())
        return
    rows = method_table(METHODS)
    widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in rows[0]}
    for row in [dict(zip(rows[0], rows[0], strict=True)), *rows]:
        print("  ".join(row[name].ljust(width) for name, width in widths.items()).rstrip())


def markdown_methods() -> str:
    """The table of methods as Markdown, as it stands in the README."""
    from graphmarl.results.markdown import markdown  # here, as it imports pandas

    rows = method_table(METHODS)
    head = [name for name in rows[0] if name != "summary"]
    cells = [[f"`{row.pop('method')}`", row.pop("summary"), *row.values()] for row in rows]
    return "\n".join(markdown(["method", "summary", *head[1:]], cells))


def envs_command(words: list[str]) -> None:
    """List the environments, and which of them are tensors on the device of the run."""
    _list_part("env", words)
    tensors = [name for name in ENVS if "device" in ENVS.declared(name).options]
    print(f"\nwhere --device says: {', '.join(tensors)};")
    print(f"on the CPU: {', '.join(name for name in ENVS if name not in tensors)}")


def graphs_command(words: list[str]) -> None:
    """List the graph builders and the options of every graph."""
    _list_part("graph", words)
    print("\noptions of every graph:")
    print(listing(WRAPPERS, "--graph."))


def _list_part(part: str, words: list[str]) -> None:
    parse(Parser(f"{part}s", f"List the {PARTS[part].title}s.", [f"{part}s"]), words)
    print(listing(PARTS[part].table))


def listing(table: Registry[type], prefix: str = "") -> str:
    """One line for each entry: its name and the first line of its documentation.

    Args:
        table: classes by name.
        prefix: what stands before each name.
    """
    width = max(len(name) for name in table)
    lines = [f"{prefix}{name:{width}}  {table.declared(name).summary}" for name in table]
    return "\n".join(lines)
