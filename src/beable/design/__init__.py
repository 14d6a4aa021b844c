"""The search for designs with a wanted outcome, for any simulator that can be designed with."""
