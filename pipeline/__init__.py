"""gongdan: reads power-utility complaint tickets.

The rooms, from the ground up: text, tickets, corpus, classify, train, nightly, review.
"""

__version__ = "0.1.0"
