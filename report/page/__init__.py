"""`report.html`, one page that holds a whole comparison: for whoever changes what it shows or how.

In the order of reading:

page.py         the page as a whole: what goes into the template, and the verdict above it
charts.py       the charts, each with its figures as a table
svg.py          how lines, bars and dots become SVG
predictions.py  test images, confusion, classes, and the first layer's weights
report.html.j2  the template; report.css its colours and sizes; report.js what moves
"""
