"""Hooks of MkDocs: the navigation in the order of docs/README.md, and links to files outside docs/."""
import logging
import pathlib
import posixpath
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = "https://github.com/tributary-dev/tributary"
SECTIONS = {"tutorials": "Tutorials", "how-to": "How-to guides", "concepts": "Concepts", "reference": "Reference",
            "operations": "Operations", "contributing": "Contributing", "adr": "Architecture decisions"}
LINK = re.compile(r"(?<!\!)\]\((?P<target>[^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.M | re.S)

log = logging.getLogger("mkdocs.hooks")


def on_config(config):
    docs = pathlib.Path(config.docs_dir)
    index = (docs / "README.md").read_text()
    sections = [{title: _pages(docs, folder, index)} for folder, title in SECTIONS.items()]
    config.nav = [{"Start": "README.md"}, *sections, *(path.name for path in sorted(docs.glob("*.md")) if path.name != "README.md")]
    return config


def _pages(docs, folder, index):
    """Pages of a folder, in the order in which the start page names them. Those that it does not name are last."""
    pages = [path.relative_to(docs).as_posix() for path in (docs / folder).rglob("*.md")]
    return sorted(pages, key=lambda page: (not page.endswith("/README.md"), index.find(f"({page})") % (1 << 30), page))


def on_page_markdown(markdown, page, **_):
    """Links to files of the repository outside docs/ lead to the repository. MkDocs checks all others."""
    folder = posixpath.join("docs", posixpath.dirname(page.file.src_uri))

    def outside(match):
        target, hash_, anchor = match["target"].partition("#")
        path = posixpath.normpath(posixpath.join(folder, target))
        if not target or "://" in target or target.startswith(("/", "mailto:")) or path == "docs" or path.startswith("docs/"):
            return match[0]
        if not (ROOT / path).exists():
            log.warning("%s links to %s, which does not exist", page.file.src_uri, target)
        kind = "tree" if (ROOT / path).is_dir() else "blob"
        return f"]({SOURCE}/{kind}/main/{path}{hash_}{anchor})"

    parts, end = [], 0
    for fence in FENCE.finditer(markdown):
        parts += [LINK.sub(outside, markdown[end:fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, LINK.sub(outside, markdown[end:])])
