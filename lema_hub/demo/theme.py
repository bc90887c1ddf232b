"""The look of the demo: quiet paper and ink, light and dark, fonts that come with Gradio."""

from __future__ import annotations

from importlib.resources import files

import gradio as gr

_INK = gr.themes.Color(
    name="ink",
    c50="#f1f5fb",
    c100="#e0e9f5",
    c200="#c3d4ec",
    c300="#9ab7de",
    c400="#6d94cb",
    c500="#4a76b6",
    c600="#355f9f",
    c700="#2b4d83",
    c800="#25406b",
    c900="#1e3354",
    c950="#142239",
)
_PAPER = gr.themes.Color(
    name="paper",
    c50="#fbfaf8",
    c100="#f4f2ee",
    c200="#e7e3dc",
    c300="#d3cec4",
    c400="#a39d93",
    c500="#767168",
    c600="#57534c",
    c700="#3a3833",
    c800="#24272c",
    c900="#1b1e22",
    c950="#131619",
)


def theme() -> gr.themes.Base:
    """The theme; `css` adds what a theme cannot say.

    The trap: Gradio 6.31 ships the 600 weight of IBM Plex with Cyrillic letters only, so bold is 700.
    """
    return gr.themes.Base(
        primary_hue=_INK,
        secondary_hue=_INK,
        neutral_hue=_PAPER,
        radius_size=gr.themes.sizes.radius_md,
        text_size=gr.themes.sizes.text_md,
        font=(
            gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700)),
            gr.themes.Font("ui-sans-serif"),
            gr.themes.Font("sans-serif"),
        ),
        font_mono=(
            gr.themes.LocalFont("IBM Plex Mono", weights=(400, 700)),
            gr.themes.Font("ui-monospace"),
            gr.themes.Font("monospace"),
        ),
    ).set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        body_text_color="#23262b",
        body_text_color_dark="#e4e6e9",
        body_text_color_subdued="*neutral_500",
        body_text_color_subdued_dark="*neutral_400",
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        block_border_width="1px",
        block_border_color="*neutral_200",
        block_border_color_dark="#2e3238",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        block_title_text_weight="600",
        block_title_text_color="*neutral_600",
        block_title_text_color_dark="*neutral_300",
        block_shadow="none",
        input_background_fill="*neutral_50",
        input_background_fill_dark="*neutral_950",
        input_border_width="1px",
        input_border_width_dark="1px",
        input_border_color="*neutral_200",
        input_border_color_dark="#2e3238",
        input_border_color_focus="*primary_500",
        input_border_color_focus_dark="*primary_400",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_dark="*primary_400",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_hover_dark="*primary_300",
        button_primary_text_color="white",
        button_primary_text_color_dark="*neutral_950",
        button_primary_text_color_hover="white",
        button_primary_text_color_hover_dark="*neutral_950",
        button_secondary_background_fill="transparent",
        button_secondary_background_fill_dark="transparent",
        button_secondary_background_fill_hover="*neutral_100",
        button_secondary_background_fill_hover_dark="*neutral_800",
        button_secondary_border_color="*neutral_300",
        button_secondary_border_color_dark="#3a3f46",
        button_secondary_text_color="*neutral_600",
        button_secondary_text_color_dark="*neutral_300",
        button_primary_border_color="*primary_700",
        button_primary_border_color_dark="*primary_400",
        button_primary_border_color_hover="*primary_800",
        button_primary_border_color_hover_dark="*primary_300",
        button_transform_hover="none",
        button_border_width="1px",
        button_border_width_dark="1px",
    )


def css() -> str:
    """The style sheet of the page."""
    return files("lema_hub.demo").joinpath("page.css").read_text(encoding="utf-8")
