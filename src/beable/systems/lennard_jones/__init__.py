"""A Lennard-Jones fluid under gravity (LCP-B group 9, Padova 2023)."""
