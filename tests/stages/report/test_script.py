"""The page's script, run by a browser: sorting, choosing a network, hiding overlays."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess

import pytest

from septum.stages.report.stage import write_report

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-quic"]

PROBE = """<script>
const found = {};
const section = document.querySelector("section.dataset");
const table = section.querySelector(".cases table");
const column = (title) => {
  const buttons = [...table.querySelectorAll("th button")];
  const at = buttons.findIndex((button) => button.textContent === title);
  return [buttons[at], () => [...table.tBodies[0].rows].map((row) => row.cells[at].textContent)];
};
const cards = () => [...section.querySelector(".gallery").querySelectorAll(".case")]
  .filter((card) => !card.hidden)
  .map((card) => {
    const panes = [...card.querySelectorAll(".pane[data-network]:not([hidden])")];
    return [card.querySelector("h4").textContent, ...panes.map((pane) => pane.dataset.network)];
  });
const [ap, values] = column("AP");
ap.click(); found.ascending = values();
ap.click(); found.descending = values(); found.state = ap.closest("th").getAttribute("aria-sort");
const [far, distances] = column("HD95");
const cells = [...table.tBodies[0].rows].map((row) => row.cells[far.closest("th").cellIndex]);
["inf", "10.00", "9.00", "inf", "0.50", "", "2.00", ""].forEach((d, i) => {
  cells[i].textContent = d;
});
far.click(); found.distances = distances();
far.click(); found.farthest = distances();
const [name, names] = column("Case"); name.click(); found.names = names();
found.before = cards();
section.querySelector("input[value=bad]").click();
found.after = cards();
const rows = section.querySelector(".rows");
rows.value = "bad"; rows.dispatchEvent(new Event("change"));
found.rows = [...table.tBodies[0].rows].filter((row) => !row.hidden).map((r) => r.dataset.network);
section.querySelector(".overlays").click();
found.opacity = getComputedStyle(section.querySelector(".picture img")).opacity;
const pre = document.createElement("pre");
pre.id = "found"; pre.textContent = JSON.stringify(found);
document.body.replaceChildren(pre);
</script></body>"""


@pytest.fixture(scope="module")
def found(nuclei, tmp_path_factory):
    """What the page does when it is used."""
    if BROWSER is None:
        pytest.skip("no Chromium on this machine")
    folder = tmp_path_factory.mktemp("browser")
    page = folder / "report.html"
    write_report(contents=nuclei.contents, results=nuclei.folder, seed=0, out=page)
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace("</body>", PROBE), encoding="utf-8")
    profile = f"--user-data-dir={folder / 'profile'}"
    command = [BROWSER, *FLAGS, profile, "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    match = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert match, done.stderr
    return json.loads(html.unescape(match.group(1)))


def test_numbers_sort_and_empty_fields_stay_last(found):
    known = [float(text) for text in found["ascending"] if text]
    assert known == sorted(known)
    assert found["ascending"][-2:] == ["", ""]
    assert [float(text) for text in found["descending"] if text] == sorted(known, reverse=True)
    assert found["descending"][-2:] == ["", ""]
    assert found["state"] == "descending"


def test_an_infinite_distance_is_the_largest(found):
    assert found["distances"] == ["0.50", "2.00", "9.00", "10.00", "inf", "inf", "", ""]
    assert found["farthest"] == ["inf", "inf", "10.00", "9.00", "2.00", "0.50", "", ""]


def test_names_sort_as_text(found):
    assert found["names"].index("empty") < found["names"].index("plain")
    assert sorted(found["names"])[::2] == sorted(set(found["names"]))


def test_choosing_a_network_shows_its_predictions_in_its_order(found):
    assert {network for _, network in found["before"]} == {"good"}
    assert {network for _, network in found["after"]} == {"bad"}
    assert len(found["after"]) == 4
    assert found["after"][-1][0] == "empty", "without a score: last"


def test_choosing_rows_and_hiding_overlays(found):
    assert found["rows"] == ["bad"] * 4
    assert found["opacity"] == "0"
