"""`report.html`: one page that holds a whole comparison."""
