"""Colours that colour-blind people tell apart, on light and on dark pages.

Hues after Okabe & Ito, "Color Universal Design" (2008), each made darker or lighter until it stands out from the page;
fields of colours go from dark blue to yellow, with a lightness that rises evenly, so that they read in grey as well.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from trimtab.arrays import Floats

LIGHT: Final = {
    "main": "#0b69a8", "second": "#c4600a", "third": "#00805d", "fourth": "#a3588a", "good": "#00805d",
    "bad": "#bf4600", "quiet": "#8a8f98", "ink": "#1c1f24", "dim": "#5c6370", "grid": "#e3e6ea", "page": "#ffffff",
}  # fmt: skip
DARK: Final = {
    "main": "#62b4ee", "second": "#f0a04b", "third": "#3ec9a1", "fourth": "#dc98c4", "good": "#3ec9a1",
    "bad": "#ff8a4d", "quiet": "#7d848f", "ink": "#e8eaed", "dim": "#a4abb6", "grid": "#33383f", "page": "#16181c",
}  # fmt: skip

_STOPS: Final = np.array(
    [[24, 34, 84], [38, 66, 122], [62, 99, 134], [93, 131, 133], [137, 161, 122], [191, 188, 102], [250, 219, 90]],
    float,
)


def field_colour(share: Floats) -> list[str]:
    """Return [n] colours of a field, for shares between 0 (dark, good) and 1."""
    place = np.clip(np.nan_to_num(share, nan=0.5), 0.0, 1.0) * (len(_STOPS) - 1)
    lower = np.minimum(place.astype(np.int64), len(_STOPS) - 2)
    part = (place - lower)[:, None]
    mixed = np.rint(_STOPS[lower] * (1 - part) + _STOPS[lower + 1] * part).astype(np.int64)
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in mixed.tolist()]
