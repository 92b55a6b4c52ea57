"""The monitor's plots: as they were when a person last looked at them, labelled, and told apart without colour."""

import re

import numpy as np
import pytest

from harness.capture import plots
from harness.capture.periods import periods_of
from harness.capture.records import to_frame
from harness.monitor import plots as monitor_plots
from harness.reporting.charts import save
from harness.reporting.reliability import reliability
from harness.reporting.statistics import calibration
from tests.capture.pictures import BASELINE, DPI, PICTURES, draw, frame

pytest.importorskip("scipy", reason="scipy is not installed: pip install 'aws-ml-harness[captures]'")

TOLERANCE = 2.0
"""Of matplotlib's compare_images: root mean square over all pixels, of 255. Versions 3.8, 3.10 and 3.11 draw the same
to within 0.01."""


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.mpl_image_compare(baseline_dir="baseline", tolerance=TOLERANCE, savefig_kwargs={"dpi": DPI})
def test_plots_look_as_they_did(name):
    return draw(name).figure


def _moved(axes):
    axes.lines[0].set_ydata(np.asarray(axes.lines[0].get_ydata()) + 2 * np.ptp(axes.get_ylim()) / 100)


def _without_band(axes):
    axes.collections[0].remove()


def _in_other_colour(axes):
    for bar in axes.patches:
        bar.set_facecolor("#009E73")


def _without_hatch(axes):
    for bar in axes.patches:
        bar.set_hatch("")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("confidence_over_time", _moved),
        ("share_below_over_time", _without_band),
        ("confidence_of_many", _without_band),
        ("predictions_by_class", _in_other_colour),
        ("confidence_by_class", _without_hatch),
        ("drift_brightness", _moved),
        ("reliability", lambda axes: axes.set_xlim(0, 1)),
        ("latency_by_state", lambda axes: axes.set_xscale("linear")),
    ],
)
def test_a_plot_that_changed_is_noticed(name, change, tmp_path):
    from matplotlib.testing.compare import compare_images

    changed = tmp_path / "changed.png"
    draw(name, change).figure.savefig(changed, dpi=DPI)
    baseline = BASELINE / f"test_plots_look_as_they_did_{name}.png"
    assert "RMS" in (compare_images(str(baseline), str(changed), TOLERANCE) or "")


@pytest.mark.parametrize("name", PICTURES)
def test_axes_are_labelled_with_units(name):
    axes = draw(name)
    numeric = [axes.get_xlabel()]
    numeric += [axes.get_ylabel()] if name not in ("latency_by_state", "accuracy_by_group") else []
    if name == "predictions_by_class":
        assert axes.get_xlabel() == "predicted class"
        numeric.remove("predicted class")
    for label in numeric:
        assert re.search(r"\(.*(UTC|0 to|count|%|ms|no unit).*\)", label), label
    assert axes.get_title()


@pytest.mark.parametrize("name", PICTURES)
def test_words_stay_inside_and_apart(name):
    """Nothing that is written is cut off at the edge of the figure, and no two words overlap."""
    from matplotlib.text import Text

    axes = PICTURES[name]()
    figure = axes.figure
    figure.canvas.draw()
    edges = figure.bbox.padded(1)
    boxes = []
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text().strip():
            box = text.get_window_extent()
            if box.width and edges.overlaps(box):
                boxes.append((text.get_text(), box))
    shown = [(text, box) for text, box in boxes if not _beyond_axis(text, box, axes)]
    for text, box in shown:
        assert edges.x0 <= box.x0 and box.x1 <= edges.x1 and edges.y0 <= box.y0 and box.y1 <= edges.y1, text
    for number, (text, box) in enumerate(shown):
        for other, beside in shown[number + 1 :]:
            assert not box.padded(-1.5).overlaps(beside.padded(-1.5)), f"{text!r} overlaps {other!r}"


def _beyond_axis(text, box, axes):
    """Ticks outside of the limits are there, and are not drawn."""
    inside = axes.get_window_extent().padded(2)
    for axis, low, high in ((axes.xaxis, inside.x0, inside.x1), (axes.yaxis, inside.y0, inside.y1)):
        for label in axis.get_ticklabels(which="both"):
            if label.get_text() == text and label.get_window_extent().bounds == box.bounds:
                middle = (box.x0 + box.x1) / 2 if axis is axes.xaxis else (box.y0 + box.y1) / 2
                return not low <= middle <= high
    return False


def test_series_differ_in_more_than_colour():
    """In grey the colours are close to each other: markers, hatches and lines tell series apart."""
    for some in (monitor_plots.MARKERS, monitor_plots.HATCHES, monitor_plots.LINES, monitor_plots.COLOURS):
        assert len(set(some)) == len(some) == 7
    axes = plots.confidence_over_time(frame(), threshold=0.93)
    above, below = axes.collections[:2]
    assert above.get_paths()[0].vertices.shape != below.get_paths()[0].vertices.shape
    bars = monitor_plots.confidence_by_class(frame(), threshold=0.93).containers
    assert [container.patches[0].get_hatch() for container in bars] == ["", "////"]


def test_colours_are_okabe_and_itos():
    known = {"#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7"}
    assert set(monitor_plots.COLOURS) <= known


def test_functions_draw_into_given_axes_and_leave_pyplot_alone():
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    try:
        assert monitor_plots.confidence_by_class(frame(), threshold=0.93, axes=axes) is axes
        reliability(calibration(np.array([0.9]), np.array([True])))
        assert plt.get_fignums() == [figure.number]
    finally:
        plt.close(figure)


def test_nothing_and_one_prediction_make_plots(tmp_path):
    nothing = to_frame([], 0.93)
    one = frame().head(1)
    for some in (nothing, one):
        for plot in (
            plots.confidence_over_time,
            monitor_plots.confidence_by_class,
            monitor_plots.share_below_over_time,
            monitor_plots.class_balance_over_time,
        ):
            save(plot(some), tmp_path / "plot.png")
    monitor_plots.latency_by_state([])


@pytest.mark.parametrize("seconds", [0, 1, 59, 3600, 86400, 30 * 86400, 900 * 86400, 20 * 365 * 86400])
def test_periods_cover_all_times_and_are_few(seconds):
    import pandas as pd

    times = pd.Series(pd.to_datetime(["2003-05-06T07:08:09.5Z"]).repeat(3)) + pd.to_timedelta(
        [0, seconds / 2, seconds], "s"
    )
    periods = periods_of(times)
    assert len(periods.start) <= 30 and periods.count(np.ones(3, dtype=bool)).sum() == 3
    starts = periods.start[periods.number]
    moments = times.dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    assert ((starts <= moments) & (moments < starts + np.timedelta64(periods.seconds, "s"))).all()


def test_bars_never_lie_on_both_sides_of_the_threshold():
    for limit in (0.93, 0.5, 0.915, 0.999, 1.0):
        edges = monitor_plots.bins_beside(limit, 0.48)
        assert limit in edges and edges[-1] == 1 and (np.diff(edges) > 0).all()
    known = frame()
    known.loc[known.index[0], "confidence"] = 0.93  # does not exceed it
    axes = monitor_plots.confidence_by_class(known, threshold=0.93)
    below = sum(bar.get_height() for bars in axes.containers for bar in bars if bar.get_x() < 0.93 - 1e-9)
    assert below == (known["confidence"] <= 0.93).sum()
    assert [text.get_text() for text in axes.get_yticklabels()][:3] == ["0", "2", "5"]
    measured = calibration(np.array([0.91, 0.93, 0.94]), np.array([True, False, True]), threshold=0.93)
    assert measured.count.tolist() == [2, 1]


def test_a_run_of_a_moment_has_an_axis_of_seconds():
    from matplotlib import dates

    axes = plots.confidence_over_time(frame().head(1), threshold=0.93)
    low, high = dates.num2date(axes.get_xlim())
    assert 5 < (high - low).total_seconds() < 60
    axes.figure.canvas.draw()
    assert all(re.fullmatch(r"\d\d:\d\d:\d\d", text.get_text()) for text in axes.get_xticklabels())
