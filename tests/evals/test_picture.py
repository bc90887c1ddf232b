"""The picture of a report, by its pixels."""

from __future__ import annotations

from pathlib import Path

from lema_hub.evals.picture import COLOURS, draw
from lema_hub.evals.report import make_report
from tests.scored import three_runs


def test_the_picture_shows_ties_in_grey(tmp_path: Path) -> None:
    import numpy as np
    from matplotlib import colors, image

    draw(make_report(three_runs(tmp_path)), tmp_path / "a.png")
    pixels = image.imread(tmp_path / "a.png")[..., :3]
    found = {
        outcome: bool(np.isclose(pixels, colors.to_rgb(colour), atol=0.01).all(axis=-1).any())
        for outcome, colour in COLOURS.items()
    }
    assert found == {"better": True, "worse": False, "tie": True}
    assert pixels[0, 0].tolist() == [1, 1, 1]  # its own ground: it reads on dark pages
