"""Encoders, decoders, priors and objectives of whole ensembles."""
