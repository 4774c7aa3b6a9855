"""What Sphinx does not look at: links inside of the site lead somewhere, none out of it loads.

Usage: python docs/check_site.py FOLDER
"""

import html.parser
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What a browser fetches by itself, but for `a`, which it does not.
LOADS = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src"}
# Metadata of a page: nothing is fetched.
NOT_FETCHED = {"canonical", "search", "index", "next", "prev", "author", "license"}


class Page(html.parser.HTMLParser):
    """The ids, the links and what is loaded of a page."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.loaded = set(), [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids |= {attrs[key] for key in ("id", "name") if attrs.get(key)}
        if tag == "a" and "href" in attrs:
            self.links.append(attrs["href"])
        if tag in LOADS and attrs.get(LOADS[tag]) and attrs.get("rel") not in NOT_FETCHED:
            self.loaded.append(attrs[LOADS[tag]])


def problems(folder):
    """Lines on what is broken."""
    pages = {path: Page(path) for path in sorted(folder.rglob("*.html"))}
    for path, page in pages.items():
        where = path.relative_to(folder)
        for address in page.loaded:
            if urlsplit(address).netloc:
                yield f"{where}: loads {address}"
        for address in {*page.links, *page.loaded}:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.exists():
                yield f"{where}: no file {address}"
            elif parts.fragment and target in pages:
                if unquote(parts.fragment) not in pages[target].ids:
                    yield f"{where}: no place {address}"


def main(folder):
    found = list(problems(Path(folder).resolve()))
    print(
        "\n".join(found) or f"{folder}: every link leads somewhere, nothing is loaded from outside"
    )
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
