"""Figures of this system alone: arrays in, a matplotlib ``Figure`` out."""
