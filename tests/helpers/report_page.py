"""The report as a page that tests can look through."""

from __future__ import annotations

from html.parser import HTMLParser

from septum.stages.report.stage import write_report
from septum.workflow.report_contents import ReportContents

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

    def rows(self, css_class):
        """Return the cells of each row of the tables of a class, without their heads."""
        rows, wanted = [], False
        for tag, attributes, text in self.elements:
            if tag == "table":
                wanted = attributes.get("class") == css_class
            elif wanted and tag == "tr":
                rows.append([])
            elif wanted and tag == "td":
                rows[-1].append(text.strip())
        return [row for row in rows if row]


def render(results, settings=None) -> str:
    out = results.folder / "report.html"
    contents = ReportContents.model_validate(settings) if settings else results.contents
    write_report(contents=contents, results=results.folder, seed=0, out=out)
    return out.read_text(encoding="utf-8")
