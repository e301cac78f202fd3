"""Check built pages: `python docs/check_pages.py docs/.build/html`.

Every link within them leads to a page and an anchor that are there, and Chromium opens one page of
each kind without an error in its console.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

OPENED = [
    "index.html",
    "performance.html",
    "search.html",
    "learn/plot_6_backpropagation.html",
    "gallery/index.html",
    "gallery/plot_callbacks.html",
    "api/fastnn.MLPClassifier.html",
]


class Page(HTMLParser):
    """Anchors of a page, and the addresses that it leads to."""

    def __init__(self, path):
        super().__init__()
        self.anchors, self.addresses = set(), []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in {"id", "name"}:
                self.anchors.add(value)
            elif name in {"href", "src"} and not re.match(r"\w+:", value):
                self.addresses.append(value)


def broken_links(folder):
    """Tell links that lead to nothing."""
    paths = [path.resolve() for path in folder.rglob("*.html") if "_static" not in path.parts]
    pages = {path: Page(path) for path in paths}
    for path, page in pages.items():
        for address in page.addresses:
            file, anchor = map(unquote, urldefrag(address))
            file = file.partition("?")[0]
            target = (path.parent / file).resolve() if file else path
            known = pages[target].anchors if target in pages else {anchor}
            if not target.exists() or (anchor and anchor not in known):
                yield f"{path.relative_to(folder.resolve())}: {address}"


def console_errors(page):
    """Open a page in Chromium, which reaches no network; tell what its console holds."""
    with tempfile.TemporaryDirectory() as profile:
        ended = subprocess.run(
            [
                shutil.which("chromium") or "chromium-browser",
                *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
                *("--disable-background-networking", "--disable-component-update"),
                *("--disable-sync", "--enable-logging=stderr", "--dump-dom"),
                "--host-resolver-rules=MAP * ~NOTFOUND",
                f"--user-data-dir={profile}",
                page.resolve().as_uri(),
            ],
            capture_output=True,
            text=True,
            timeout=120,
        )
    if ended.returncode:
        yield ended.stderr
    for line in ended.stderr.splitlines():
        if ":CONSOLE" in line and "[PST]" not in line:  # the theme tells which colours it took
            yield f"{page}: {line}"


def main():
    folder = Path(sys.argv[1])
    found = [*broken_links(folder)]
    for page in OPENED:
        found += console_errors(folder / page)
    print(*found, sep="\n", end="\n" if found else "")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
