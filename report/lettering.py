"""Names that a picture shows: in fonts that have their letters, or escaped where none has."""

from functools import cache

from matplotlib.font_manager import fontManager, get_font

# Matplotlib's own; then what systems bring along for letters that it lacks.
FONTS = (
    *("DejaVu Sans", "Arial Unicode MS", "Noto Sans CJK JP", "Noto Sans CJK SC"),
    *("Source Han Sans SC", "WenQuanYi Zen Hei", "Hiragino Sans", "Hiragino Sans GB"),
    *("PingFang SC", "Apple SD Gothic Neo", "Microsoft YaHei", "Yu Gothic", "Malgun Gothic"),
    *("SimHei", "Segoe UI", "Nirmala UI", "Noto Sans", "FreeSans"),
)


@cache
def letters() -> dict[str, set[int]]:
    """Those of FONTS that are installed, each with the letters that it has."""
    files = {each.name: each.fname for each in fontManager.ttflist}
    return {name: set(get_font(files[name]).get_charmap()) for name in FONTS if name in files}


def drawable(name: str) -> str:
    """The name, to be drawn in the fonts of `letters`, with `\\u6570` for a letter of none."""
    return "".join(
        letter
        if any(ord(letter) in known for known in letters().values())
        else letter.encode("unicode_escape").decode()
        for letter in name
    )
