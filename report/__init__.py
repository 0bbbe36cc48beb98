"""Everything that people look at: for whoever changes what a comparison says or shows.

In the order of reading, from the results to what is written about them:

read.py          the results in a folder, checked before they are drawn
intervals.py     differences between runs, with the uncertainty that their repeats support
thinning.py      which points of long curves are drawn
series.py        what every chart shows, as numbers
lettering.py     names in pictures, in fonts that have their letters
plotting.py      the pictures that are drawn
table.py         the figures side by side: ROWS lists them
verification.py  what verification found, in words
sentences.py     what the figures mean, in words
terminal.py      lines while training, and the report at the end, as the commands print them
progress.py      the line that says what goes on
markdown.py      summary.md
write.py         all files of a comparison: results.json, pictures, summary.md, report.html
merge.py         several comparisons, from different machines, as one
page/            report.html
__main__.py      `python -m report`: draw the page again, or several comparisons as one
"""
