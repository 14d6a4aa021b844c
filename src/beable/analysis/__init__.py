"""The floor of the analyses: what a finished run says about its data."""
