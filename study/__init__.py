"""The side-by-side page: for whoever changes how the twins are set line beside line.

In the order of reading:

twins.py      the twins' definitions, and which belong together
pairing.py    which lines of two definitions stand beside each other
page.py       the page, from the template side_by_side.html.j2, its style and its script
__main__.py   `python -m study`: draw it
"""
