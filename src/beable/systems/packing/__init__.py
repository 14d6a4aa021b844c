"""Packings of powders (Hall & Sparks 2023)."""
