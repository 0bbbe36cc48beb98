"""The side-by-side page: the twins line beside line, for those who read them.

Read __main__ (the command), twins (files, definitions and notes), pairing (which lines belong
together) and page (HTML), in this order.
"""
