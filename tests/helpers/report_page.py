"""The report as a page that tests can look through."""

from __future__ import annotations

from html.parser import HTMLParser

from septum.stages.report.stage import write_report

VOID = {"meta", "br", "img", "input", "link", "hr"}


class Page(HTMLParser):
    """The page as a list of (tag, attributes, text), and the tags that were left open."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[list] = []
        self.open: list[list] = []
        self.wrong: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        element = [tag, dict(attrs), ""]
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.elements.append([tag, dict(attrs), ""])

    def handle_endtag(self, tag):
        if not self.open or self.open.pop()[0] != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        for element in self.open:
            element[2] += data

    def all(self, tag, **attributes):
        wanted = {key.strip("_").replace("_", "-"): value for key, value in attributes.items()}
        return [e for e in self.elements if e[0] == tag and wanted.items() <= e[1].items()]

    def texts(self, tag, **attributes):
        return [e[2].strip() for e in self.all(tag, **attributes)]


def render(results, settings=None) -> str:
    out = results.folder / "report.html"
    write_report(settings=settings or results.settings, results=results.folder, seed=0, out=out)
    return out.read_text(encoding="utf-8")
