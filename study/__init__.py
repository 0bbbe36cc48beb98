"""The side-by-side page: for readers who change how it pairs the twins' lines.

In reading order:

twins.py      the twins' definitions, matched
pairing.py    pairs the lines of two definitions
page.py       the page, from the template side_by_side.html.j2, its style and its script
__main__.py   `python -m study`: draws it
"""
