"""Colours of reports, by what they stand for, on light and on dark paper.

The hues of the families are those of Okabe and Ito (2008), which people tell apart however they see colours, made
darker or lighter until every mark has a contrast of 3 : 1 with its paper and every text one of 4.5 : 1 (WCAG 2.2, AA).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

PAPER, INK, MUTED, GRID, ACCENT = "paper", "ink", "muted", "grid", "accent"

LIGHT: Mapping[str, str] = {
    PAPER: "#ffffff",
    "panel": "#f5f7fa",
    INK: "#16202c",
    MUTED: "#52606d",
    GRID: "#d5dbe3",
    ACCENT: "#005a8f",
    "binary": "#0072b2",
    "bytes": "#c45200",
    "attention": "#a8428a",
    "upsample": "#00805c",
    "moving": "#2d8fbd",
    "labels": "#8a6a00",
    "ordinary": "#6b7280",
}
"""Colours on light paper."""

DARK: Mapping[str, str] = {
    PAPER: "#12161c",
    "panel": "#1b212a",
    INK: "#eef2f6",
    MUTED: "#a9b4c0",
    GRID: "#36404c",
    ACCENT: "#7cc4f5",
    "binary": "#4ea8e0",
    "bytes": "#f08a3c",
    "attention": "#dd8cc4",
    "upsample": "#2fbf8f",
    "moving": "#9adcf2",
    "labels": "#e0c04a",
    "ordinary": "#9aa4b2",
}
"""The same on dark paper."""

FAMILIES: Mapping[str, str] = {
    "binary": "binary convolution",
    "bytes": "8-bit convolution",
    "attention": "attention",
    "upsample": "upsampling",
    "moving": "signs, pooling, gate",
    "labels": "labels",
    "ordinary": "ordinary operators",
}
"""Families of operators, each with a colour of its own, and what people call them."""

_FAMILY_OF_KIND = {
    "conv2d": "binary",
    "dense": "binary",
    "real_conv2d": "bytes",
    "pooled_attention": "attention",
    "anchor_pool": "attention",
    "upsample2x": "upsample",
    "bitpack": "moving",
    "avg_pool2d": "moving",
    "channel_gate": "moving",
    "labels": "labels",
}


def family(kind: str) -> str:
    """The family of a kind of operator; what no row names is an ordinary operator."""
    return _FAMILY_OF_KIND.get(kind, "ordinary")


def variables(used: Collection[str] = tuple(LIGHT)) -> str:
    """The roles of both palettes as CSS: variables of the root, dark ones where the reader's system is dark."""
    light, dark = ("".join(f"--{role}:{colours[role]};" for role in used) for colours in (LIGHT, DARK))
    return f":root{{{light}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"


def contrast(one: str, other: str) -> float:
    """Contrast of two colours ``#rrggbb``, 1 to 21, by WCAG 2.2."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    """Relative luminance by WCAG 2.2."""
    red, green, blue = (_linear(int(colour[i : i + 2], 16) / 255) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
