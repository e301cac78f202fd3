"""The page of `fastnn train --report`: what it says, that it stands alone, and in a browser."""

import base64
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.datasets import load_wine
from watchers import Watcher

from fastnn import MLPClassifier, tables
from fastnn.cli import main
from fastnn.report import page as report

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def train(capsys, tmp_path, monkeypatch):
    """Run `fastnn train` on a table in a folder of its own; returns status, errors and the page."""
    monkeypatch.chdir(tmp_path)

    def run(frame, target, *more):
        frame.to_csv("data.csv", index=False)
        arguments = ["train", "data.csv", "--target", target, "--out", "m.skops"]
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([*arguments, "--report", "report.html", *more])
        page = tmp_path / "report.html"
        text = page.read_text(encoding="utf-8") if page.exists() else None
        return stop.value.code or 0, capsys.readouterr(), text

    return run


@pytest.fixture
def wine():
    """Three classes, and names and values that a page could trip over."""
    X, y = load_wine(return_X_y=True, as_frame=True)
    random = np.random.default_rng(0)
    X = X.iloc[:, :4].copy()
    X[SCRIPT] = random.choice(["<b>bold</b>", "$x^2", "{{ 7 * 7 }}"], len(X))
    X["産地"] = random.choice(["東", "西"], len(X))
    X.loc[::9, "alcohol"] = np.nan
    return X.assign(kind=np.array(["red", "white", "<i>pink</i>"])[y])


@pytest.fixture
def homes():
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(700, 3)), columns=["size", "age", "rooms"])
    return frame.assign(price=3 * frame["size"] + frame["age"] ** 2)


class Page(HTMLParser):
    """Tags, and the text of each cell, heading and definition."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.addresses = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href")]

    def handle_data(self, data):
        self.texts += [data.strip()] if data.strip() else []


def assert_stands_alone(text):
    page = Page(text)
    assert not {"script", "link", "iframe", "object", "b", "i"} & set(page.tags)
    assert page.tags.count("img") == 3
    for address in page.addresses:
        kind, data = address.split(",")
        assert kind == "data:image/svg+xml;base64"
        picture = ET.fromstring(base64.b64decode(data))
        assert picture.tag == "{http://www.w3.org/2000/svg}svg"
        links = [
            value
            for element in picture.iter()
            for name, value in element.attrib.items()
            if name.endswith("href")
        ]
        assert all(link.startswith(("#", "data:")) for link in links)
    return page


def test_classes(train, wine):
    status, told, text = train(wine, "kind", "--max-iter", "30")
    assert status == 0, told.err
    assert told.out.splitlines()[-1] == "report: report.html"
    page = assert_stands_alone(text)
    assert "kind, learned from data.csv" in page.texts
    accuracy = re.search(r"held-out rows: ([\d.]+)", told.out)[1]
    assert page.texts[page.texts.index("accuracy") + 1] == accuracy
    assert "Right and wrong answers" in page.texts
    assert {"alcohol", "11.2%", "産地", SCRIPT, "max_iter", "30"} <= set(page.texts)
    assert any("<b>bold</b> (" in value and "{{ 7 * 7 }} (" in value for value in page.texts)
    assert {"share of the limit", "this machine's limit", "rows a second"} <= set(page.texts)


def test_numbers(train, homes):
    status, told, text = train(homes, "price", "--max-iter", "60", "--hidden", "20,10")
    assert status == 0, told.err
    page = assert_stands_alone(text)
    score = re.search(r"held-out rows: ([\d.]+)", told.out)[1]
    assert page.texts[page.texts.index("R²") + 1] == score
    assert "How far the answers are off" in page.texts
    assert "(20, 10)" in page.texts
    model = tables.load("m.skops")
    row = int(page.texts[page.texts.index("rooms") + 1])  # the cell after the table's head
    hardest = homes.iloc[[row - 1]]
    said = [float(text) for text in page.texts if re.fullmatch(r"-?\d+\.\d+", text)]
    assert np.isclose(said, model.predict(hardest)[0], rtol=1e-4).any()
    assert f"{hardest['price'].iloc[0]:.6g}" in page.texts


def test_the_hardest_rows_come_first():
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]])
    y = np.array(["a", "a", "zebra"])
    right = report._probability_of(np.array(["a", "b"]), probabilities, y)
    np.testing.assert_array_equal(right, [0.9, 0.2, 0.0])


def test_a_class_only_among_the_rows_held_out(train):
    frame = pd.DataFrame({"x": np.arange(40.0), "y": ["a", "b"] * 20})
    for row in range(40):  # whichever is held out
        frame.loc[row, "y"] = f"only {row}" if row % 4 == 0 else frame.loc[row, "y"]
    status, told, text = train(frame, "y", "--max-iter", "5")
    assert status == 0, told.err
    assert_stands_alone(text)


def test_many_classes_and_wide_tables(train):
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.random((300, 60))).add_prefix("x")
    frame["y"] = [f"class {i % 25}" for i in range(300)]
    status, told, text = train(frame, "y", "--max-iter", "3")
    assert status == 0, told.err
    page = assert_stands_alone(text)
    assert "And 10 more columns." in page.texts


def test_mistakes_are_told_before_the_training(train, homes, monkeypatch):
    status, told, text = train(homes, "price", "--report", "page.txt")
    assert (status, text) == (2, None)
    assert "page.txt: the name has to end in .html" in told.err
    status, told, text = train(homes, "price", "--report", "nowhere/page.html")
    assert (status, text) == (2, None)
    assert "no folder" in told.err
    monkeypatch.delitem(__import__("sys").modules, "fastnn.report.page")
    monkeypatch.delattr("fastnn.report.page")
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    status, told, text = train(homes, "price")
    assert (status, text) == (2, None)
    assert "--report needs jinja2" in told.err
    assert "fastnn-mlp[cli]" in told.err
    assert "epoch" not in told.err


def test_a_page_that_cannot_be_written_leaves_the_old_one_and_the_model(
    train, homes, tmp_path, monkeypatch
):
    (tmp_path / "report.html").write_text("old")

    def fail(self, data, encoding=None):
        raise OSError("No space left on device")

    monkeypatch.setattr(type(tmp_path), "write_text", fail)
    status, told, text = train(homes, "price", "--max-iter", "2")
    assert status == 2
    assert "No space left" in told.err
    assert text == "old"
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        *("data.csv", "m.skops", "report.html")
    ]


def test_the_limit_is_that_of_large_products():
    assert report.product_limit(np.dtype(np.float32), n=64, rounds=2) > 0


# ------------------------------------------------------------------------------------- browser


@pytest.fixture
def browser(tmp_path):
    """Open a page in Chromium, which reaches no network; returns what it printed and told."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if found is None and os.environ.get("CI"):
        pytest.fail("The report is tested in Chromium: install it with `apt-get install chromium`.")
    if found is None:
        pytest.skip("needs Chromium, as of `apt-get install chromium`")

    def run(page, *arguments):
        ended = subprocess.run(
            [
                found,
                *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
                *("--disable-background-networking", "--disable-component-update"),
                *("--disable-sync", "--enable-logging=stderr", "--hide-scrollbars"),
                "--host-resolver-rules=MAP * ~NOTFOUND",
                f"--user-data-dir={tmp_path / 'profile'}",
                *arguments,
                page.as_uri(),
            ],
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout, [line for line in ended.stderr.splitlines() if ":CONSOLE" in line]

    return run


def test_in_a_browser(train, wine, browser, tmp_path):
    status, told, _ = train(wine, "kind", "--max-iter", "30")
    assert status == 0, told.err
    path = tmp_path / "report.html"
    document, console = browser(path, "--dump-dom")
    assert console == []
    assert f"<td>{SCRIPT.replace('<', '&lt;').replace('>', '&gt;')}</td>" in document
    assert_stands_alone(document)
    picture = tmp_path / "page.png"
    browser(path, "--window-size=1280,1600", f"--screenshot={picture}")
    counts = {colour: n for n, colour in Image.open(picture).convert("RGB").getcolors(10**7)}
    assert counts.get((8, 48, 107), 0) > 1000  # the darkest cells of the confusion matrix


def test_a_browser_would_tell_of_a_page_that_asks_for_more(train, wine, browser, tmp_path):
    """What the test above relies on: a script or a picture from elsewhere is seen."""
    _, _, text = train(wine, "kind", "--max-iter", "2")
    page = tmp_path / "other.html"
    page.write_text(text.replace("</body>", f"{SCRIPT}<img src='http://other.test/x.png'></body>"))
    _, console = browser(page, "--dump-dom")
    assert sum("Content Security Policy" in line for line in console) == 2


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_fit_within_a_fit_leaves_the_clock_alone():
    class Within(Watcher):
        def on_fit_task_end(self, estimator, context):
            if context.task_name == "epoch" and estimator.max_iter == 4:
                clone(estimator).set_params(max_iter=2).fit(X[:5], y[:5])

    X, y = np.arange(20.0).reshape(10, 2), np.arange(10) % 2
    clock = report.EpochClock()
    MLPClassifier((2,), max_iter=4).set_callbacks(Within(), clock).fit(X, y)
    assert len(clock.ends) == 4
    assert clock.ends == sorted(clock.ends)
    assert clock.rows == 10
