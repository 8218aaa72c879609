"""Build the site of the API reference from docstrings, README and notebooks; see `docs.sh`.

Examples:
  python scripts/docs.py --out site
  python scripts/docs.py --out site --execute
"""

import argparse
import functools
import importlib
import inspect
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import docs_signatures
from docutils.nodes import SkipNode, math_block
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

ROOT = Path(__file__).parent.parent
CONFIG: dict[str, Any] = {
    "project": "graphmarl",
    "author": "the graphmarl developers",
    "extensions": [
        "sphinx.ext.autodoc",
        "sphinx.ext.napoleon",
        "myst_nb",
        docs_signatures.__name__,
        __name__,
    ],
    "html_theme": "furo",
    "html_math_renderer": "mathml",
    "html_title": "graphmarl",
    "html_static_path": [],
    "default_role": "code",
    "nitpicky": True,
    # Links from docstrings and listings are py:obj; types in signatures may be of other libraries.
    "nitpick_ignore_regex": [("py:(?!obj).*", r".*")],
    "autodoc_member_order": "bysource",
    "autodoc_typehints": "signature",
    "autodoc_typehints_format": "short",
    "autodoc_default_options": {
        "members": True,
        "show-inheritance": True,
        "ignore-module-all": True,
    },
    "autodoc_preserve_defaults": True,
    "napoleon_google_docstring": True,
    "napoleon_use_rtype": False,
    "napoleon_custom_sections": ["Shapes"],
    "myst_enable_extensions": ["dollarmath"],
    "myst_heading_anchors": 3,
    "nb_execution_timeout": 300,
    "maximum_signature_line_length": 80,
    "python_use_unqualified_type_names": True,
    "python_display_short_literal_types": True,
}


CLASS = re.compile(r"(?<![`:])`([A-Z]\w+)`(?!`)")


def modules() -> list[str]:
    """All public modules of the package, packages before their modules."""
    found = []
    for path in sorted((ROOT / "graphmarl").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[-1] == "__init__":
            parts = parts[:-1]
        if not any(part.startswith("_") for part in parts):
            found.append(".".join(parts))
    return sorted(found)


def summary(value: object) -> str:
    """First line of a docstring, with the marks of reStructuredText escaped."""
    line = (inspect.getdoc(value) or "").partition("\n")[0]
    return re.sub(r"([|*])", r"\\\1", line)


def exported(name: str) -> list[str]:
    """The names that a package re-exports from its modules, as a list with links.

    Args:
        name: name of the package.
    """
    package = importlib.import_module(name)
    if not hasattr(package, "__path__"):
        return []
    names = getattr(package, "__all__", None) or [n for n in vars(package) if n[0] != "_"]
    found = [(each, getattr(package, each)) for each in names]
    links = [
        f"* :py:obj:`{each} <{value.__module__}.{value.__qualname__}>`: {summary(value)}"
        for each, value in sorted(found, key=lambda pair: pair[0].lower())
        if getattr(value, "__module__", name) != name
        and getattr(value, "__module__", "").startswith("graphmarl")
        and hasattr(value, "__qualname__")
    ]
    return ["Public names:", "", *links, ""] if links else []


def write_sources(folder: Path) -> None:
    """Write README, notebooks and one page for each module, as Sphinx reads them.

    Args:
        folder: an empty folder.
    """
    names = modules()
    for name in names:
        inner = [other for other in names if other.rpartition(".")[0] == name]
        lines = [name, "=" * len(name), "", f".. automodule:: {name}", "", *exported(name)]
        if inner:
            lines += [".. toctree::", "   :maxdepth: 1", ""]
            lines += [f"   {other}" for other in inner] + [""]
        (folder / "api").mkdir(exist_ok=True)
        (folder / "api" / f"{name}.rst").write_text("\n".join(lines))
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    for path in notebooks:
        shutil.copy(path, folder / path.name)
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=_not_pictures)
    text = (ROOT / "README.md").read_text()
    # Links to files of the repository that are no pages of the site.
    text = re.sub(r"\]\((?!https?:|#|notebooks/)([^)]+)\)", r"]", text)
    tree = ["```{toctree}", ":hidden:", ":maxdepth: 2", ":caption: Notebooks", ""]
    tree += [path.stem for path in notebooks] + ["```", ""]
    tree += ["```{toctree}", ":hidden:", ":maxdepth: 2", ":caption: API reference", ""]
    tree += ["api/graphmarl", "```", ""]
    (folder / "index.md").write_text(text + "\n" + "\n".join(tree))


def _not_pictures(_: str, names: list[str]) -> list[str]:
    return [name for name in names if not name.endswith(".png")]


@functools.cache
def public_objects() -> dict[str, str]:
    """Full names of the public classes and functions of the package, by name."""
    found: dict[str, str] = {}
    for name in modules():
        module = importlib.import_module(name)
        for each, value in vars(module).items():
            if not each.startswith("_") and getattr(value, "__module__", "") == name:
                found.setdefault(each, f"{name}.{each}")
    return found


def keep_colons(_: Sphinx, what: str, __: str, ___: object, ____: object, lines: list[str]) -> None:
    """Keep napoleon from taking the words before a colon for the type of an attribute."""
    if any(lines) and what in ("attribute", "data", "property"):
        lines[:0] = ["..", ""]


def foreign(_: Sphinx, __: str, ___: str, value: object, skip: bool, ____: object) -> bool | None:
    """Leave out methods that another library writes into classes of the package."""
    written = inspect.isfunction(value) and not value.__module__.startswith("graphmarl")
    return True if written else None


def link(_: Sphinx, __: str, ___: str, ____: object, _____: object, lines: list[str]) -> None:
    """Turn the names of classes in a docstring into links; Sphinx calls this for each docstring."""
    known = public_objects()

    def replaced(found: re.Match[str]) -> str:
        full = known.get(found[1])
        return f":py:obj:`{found[1]} <{full}>`" if full else found[0]

    lines[:] = [CLASS.sub(replaced, line) for line in lines]


def mathml(translator: Any, node: Any) -> None:
    """Write a formula as MathML, which browsers draw without a script from elsewhere."""
    text, block = node.astext(), isinstance(node, math_block)
    if "\\\\" in text or "&" in text:
        text = rf"\begin{{aligned}}{text}\end{{aligned}}"
    translator.body.append(convert(text, display="block" if block else "inline"))
    raise SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register links and formulas; this file is an extension of Sphinx as well.

    Args:
        app: the application.
    """
    app.connect("autodoc-process-docstring", keep_colons, priority=400)  # before napoleon
    app.connect("autodoc-process-docstring", link)
    app.connect("autodoc-skip-member", foreign)
    app.add_html_math_renderer("mathml", (mathml, None), (mathml, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def build(out: Path, execute: bool = False) -> int:
    """Build the site; returns the number of warnings.

    Args:
        out: folder of the site, which is replaced.
        execute: run the notebooks, so that their pages show results.
    """
    shutil.rmtree(out, ignore_errors=True)
    source = out / "source"
    source.mkdir(parents=True)
    write_sources(source)
    config = {**CONFIG, "nb_execution_mode": "force" if execute else "off"}
    config["autodoc_type_aliases"] = docs_signatures.aliases(modules())
    with patch_docutils(), docutils_namespace():
        app = Sphinx(
            str(source),
            None,
            str(out / "html"),
            str(out / "doctrees"),
            "html",
            confoverrides=config,
            status=None,
            warning=sys.stderr,
            parallel=2,
        )
        app.build()
    return app._warncount


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "site", help="folder of the site")
    parser.add_argument("--execute", action="store_true", help="run the notebooks")
    given = parser.parse_args()
    warnings = build(given.out, given.execute)
    pages = len(list((given.out / "html").rglob("*.html")))
    print(f"{pages} pages in {given.out / 'html' / 'index.html'}, {warnings} warnings")
    return 1 if warnings else 0


if __name__ == "__main__":
    sys.exit(main())
