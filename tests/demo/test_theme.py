"""The look asks nothing of the internet."""

from __future__ import annotations

import re

from lema_hub.demo.theme import css, theme


def test_fonts_and_styles_come_with_the_page() -> None:
    chosen = theme()
    for text in (css(), chosen._get_theme_css()):
        assert not re.search(r"(url\(|@import)\s*['\"]?(https?:)?//", text)
    assert not [sheet for sheet in chosen._stylesheets if sheet.startswith(("http", "//"))]
