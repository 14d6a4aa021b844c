"""The floor of the studies: a source's result as data, representation, model, objective, training and measures."""
