"""Figures, tables and sentences of the parts of the study of the whole paper, a file a subject."""
