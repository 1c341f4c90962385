"""A model of a serving engine, to measure call patterns without a GPU and the same every time.

tokens.py    text to tokens, as a byte-pair vocabulary would cut it
cache.py     blocks of keys and values: hash-chained prefixes, LRU
machine.py   how long a step takes, from data sheets
scheduler.py continuous batching over cache and machine
clock.py     an event loop whose hours take seconds
prose.py     text of exactly the length asked for
answers.py   what a model answers to a prompt, by rule
modelled.py  all of it behind longwrite's `Engine`
"""
