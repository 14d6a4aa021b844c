"""Figures that show Darcy flow alone."""
