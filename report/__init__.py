"""Everything that people look at: for whoever changes what a comparison says or shows.

In the order of reading, from the results to what is written about them:

read.py          the results in a folder, checked before they are drawn
intervals.py     how far paired figures differ, how sure that is, and what may be claimed
pairs.py         every run set against the first one, with its verdicts
figures.py       which runs and floors the figures are about
break_even.py    when a compiled run has made up for its slower start
wording.py       how intervals are written
thinning.py      which points of long curves are drawn
series.py        what every chart shows, as numbers
axes.py          the marks of axes
colors.py        what each colour means
lettering.py     names in pictures, in fonts that have their letters
plotting.py      the pictures that are drawn
table.py         the figures of the runs: COLUMNS and ROWS list them
against.py       the tables of runs set against one another
verdicts.py      what is claimed of the runs, in words
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
