"""Figures: arrays in, a matplotlib ``Figure`` out; a file a subject.

Labels stand beside what they name. Numbers that are not finite are refused by name, except in
histories, where NaN means that a member was not running, and in samples of energies and scores, whose infinite values
lie beyond the end of every range.
"""
