"""The floor of the report: arrays become figures, figures and tables become one page."""
