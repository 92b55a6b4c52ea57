"""Every plot of the monitor, of data that never changes.

``pytest tests/capture/test_plots.py --mpl-generate-path tests/capture/baseline`` writes what they are compared with.
"""

import datetime
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from harness.capture import plots
from harness.monitor import plots as monitor_plots
from harness.monitor.drift import compare
from harness.project.latency import StateVisit
from harness.reporting.images import Features
from harness.reporting.reliability import reliability
from harness.reporting.statistics import calibration
from tests.capture.making import START

BASELINE = Path(__file__).with_name("baseline")
LIMIT = 0.93
DPI = 60


def frame(count=400, seed=0):
    """Predictions of two days, less sure on the second."""
    generator = np.random.default_rng(seed)
    minutes = np.sort(generator.integers(0, 2 * 24 * 60, count))
    minutes = minutes[(minutes < 1200) | (minutes > 1600)]
    late = minutes > 1600
    confidence = 0.5 + 0.5 * generator.beta(np.where(late, 3, 9), 1)
    predicted = (generator.random(len(minutes)) < np.where(late, 0.7, 0.45)).astype(int)
    return pd.DataFrame(
        {
            "time": pd.to_datetime(START) + pd.to_timedelta(minutes, unit="min"),
            "predicted": pd.array(predicted, dtype="Int64"),
            "confidence": confidence,
            "passed": confidence > LIMIT,
        }
    )


@lru_cache(maxsize=1)
def _drift():
    generator = np.random.default_rng(1)

    def features(count, shift):
        return Features(
            generator.normal(130 + shift, 20, count),
            generator.normal(50, 10, count),
            generator.normal(0.5 + shift / 200, 0.2, (count, 192)),
        )

    return compare(features(150, 0), features(100, 25))


def _calibration():
    generator = np.random.default_rng(2)
    confidence = 0.5 + 0.5 * generator.beta(4, 1, 500)
    return calibration(confidence, generator.random(500) < confidence**1.3)


def _visits():
    generator = np.random.default_rng(3)
    moment = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    return [
        StateVisit(
            f"e{number}",
            state,
            float(generator.lognormal(middle, 0.5)) / 1000,
            state != "Check" or number % 4 > 0,
            moment,
        )
        for number in range(30)
        for state, middle in (("Serialize", 3.0), ("Classify", 4.0), ("Check", 2.0))
    ]


PICTURES = {
    "confidence_over_time": lambda: plots.confidence_over_time(frame(), threshold=LIMIT),
    "confidence_of_many": lambda: plots.confidence_over_time(frame(5000), threshold=LIMIT),
    "predictions_by_class": lambda: plots.predictions_by_class(frame(), threshold=LIMIT),
    "confidence_by_class": lambda: monitor_plots.confidence_by_class(frame(), threshold=LIMIT),
    "share_below_over_time": lambda: monitor_plots.share_below_over_time(frame(), threshold=LIMIT),
    "class_balance_over_time": lambda: monitor_plots.class_balance_over_time(frame()),
    "reliability": lambda: reliability(_calibration()),
    "accuracy_by_group": lambda: monitor_plots.accuracy_by_group(
        [("all", 180, 200), ("above", 120, 122), ("not above", 60, 78)]
    ),
    "drift_brightness": lambda: monitor_plots.input_distribution(_drift(), "brightness"),
    "drift_embedding": lambda: monitor_plots.input_embedding(_drift()),
    "latency_by_state": lambda: monitor_plots.latency_by_state(_visits()),
}


def draw(name, change=lambda axes: None):
    """The picture without its words, small enough to be kept: its axes.

    How a letter is drawn, and so how much room words take, differs between versions of matplotlib and FreeType by more
    than plots that matter differ from each other. So words are left out of the picture, the legend too, whose places
    follow from them; the tests read them instead.
    """
    import matplotlib
    from matplotlib.text import Text

    with matplotlib.rc_context({**matplotlib.rcParamsDefault, "backend": "agg", "font.family": "DejaVu Sans"}):
        axes = PICTURES[name]()
        change(axes)
        figure = axes.figure
        figure.set_layout_engine("none")
        axes.set_position([0.08, 0.12, 0.84, 0.8])
        figure.canvas.draw()  # which makes the ticks' labels
        for text in figure.findobj(Text):
            text.set_visible(False)
        if axes.get_legend() is not None:
            axes.get_legend().set_visible(False)
    return axes
