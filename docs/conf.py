"""Settings of Sphinx: `python -m sphinx -W -n docs docs/.build/html` builds the pages offline."""

import re
import sys
import warnings
from pathlib import Path

import fastnn

sys.path.insert(0, str(Path(__file__).parent))
import pictures
import rooms

for category in (UserWarning, RuntimeWarning):  # an example that warns breaks the build
    warnings.simplefilter("error", category)

project = "fastnn"
author = "The fastnn developers"
copyright = "the fastnn developers, BSD-3-Clause"
version = release = fastnn.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = [".build", "lessons", "measured.md"]
nitpicky = True
suppress_warnings = ["myst.header"]  # parts of Markdown files that begin below their title
# Types in docstrings are scikit-learn's words, such as "array-like of shape (n_samples,)".
nitpick_ignore_regex = [("py:.*", r"(numpy|np|pathlib|collections|typing|matplotlib|skl2onnx)\..*")]

autosummary_generate = True
autosummary_generate_overwrite = True
templates_path = ["_templates"]
autodoc_typehints = "none"
numpydoc_show_class_members = False  # they are shown in full
numpydoc_xref_param_type = False
numpydoc_class_members_toctree = False

sphinx_gallery_conf = {
    "examples_dirs": ["lessons", "../examples"],
    "gallery_dirs": ["learn", "gallery"],
    "filename_pattern": r"\.py$",  # every one runs
    "within_subsection_order": "FileNameSortKey",
    "capture_repr": ("_repr_html_", "__repr__"),
    "ignore_repr_types": r"matplotlib|fastnn\.display",
    "download_all_examples": False,
    "show_signature": False,
    "show_memory": False,
    "min_reported_time": 1000,
    "write_computation_times": False,  # its page loads scripts from elsewhere
    "image_srcset": ["2x"],
}

html_theme = "pydata_sphinx_theme"
html_title = "fastnn"
html_sourcelink_suffix = ""
html_show_sourcelink = False
html_theme_options = {
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "navbar_align": "left",
    "navigation_with_keys": False,
    "show_toc_level": 2,
}
html_context = {"default_mode": "auto"}
# Pages without others beneath them have no list of them.
alone = (
    "index",
    "start",
    "guide",
    "from_sklearn",
    "from_pytorch",
    "contributing",
    "machine_code",
    "changelog",
)
html_sidebars = {page: [] for page in alone}
html_static_path = ["_static"]
html_css_files = ["fastnn.css"]
myst_heading_anchors = 3


def bring_results():
    """Copy the measured table beside the pages, without its links to files of the repository."""
    docs = Path(__file__).parent
    results = docs.parent / "benchmarks" / "RESULTS.md"
    text = "Not measured for this version.\n"
    if results.exists():
        local_link = r"(?<!!)\[[^]]+\]\((?!http)([^)]+)\)"
        text = re.sub(local_link, r"`benchmarks/\1`", results.read_text("utf-8"))
        text = re.sub(r"^# .*", "", text)  # the page has a title
        text = re.sub(r"^##+ (.*)$", r"**\1**", text, flags=re.MULTILINE)
    for image in results.parent.glob("*.svg"):
        (docs / image.name).write_bytes(image.read_bytes())
    (docs / "measured.md").write_text(text, "utf-8")


def draw_rooms():
    """Draw the rooms and the imports between them; an import that points up breaks the build."""
    files, floors = rooms.modules(), rooms.layers()
    found = rooms.imports(files)
    drawing = rooms.draw(found, files, floors)
    (Path(__file__).parent / "rooms.svg").write_text(drawing, "utf-8")
    wrong = rooms.faults(found, floors)
    if wrong:
        raise RuntimeError("\n".join(wrong))


bring_results()
draw_rooms()
pictures.write_all(Path(__file__).parent)

SKLEARN_PAGES = "https://scikit-learn.org/stable/modules/generated/"


def skip_inherited(app, what, name, member, skip, options):
    """Leave out methods that scikit-learn gives to every estimator."""
    module = getattr(member, "__module__", None) or ""
    return True if module.startswith("sklearn") or name in {"set_fit_request"} else skip


def link_to_sklearn(app, env, node, contnode):
    """Link scikit-learn's names to its pages, with no list of them fetched."""
    from docutils import nodes

    target = node.get("reftarget", "")
    if not re.fullmatch(r"sklearn(\.\w+)+", target):
        return None
    return nodes.reference("", "", contnode, internal=False, refuri=f"{SKLEARN_PAGES}{target}.html")


def refuse_fetched_assets(app, exception):
    """Fail where a built page would load anything from a network."""
    if exception or app.builder.name != "html":
        return
    fetches = re.compile(r"<(?:script|img|iframe|link)\b[^>]*\b(?:src|href)=\"(?:https?:)?//[^\"]+")
    for page in Path(app.outdir).rglob("*.html"):
        found = fetches.search(page.read_text(encoding="utf-8"))
        if found and 'rel="canonical"' not in found.group():
            raise RuntimeError(f"{page} loads {found.group()}")


def setup(app):
    app.connect("autodoc-skip-member", skip_inherited)
    app.connect("missing-reference", link_to_sklearn)
    app.connect("build-finished", refuse_fetched_assets)
