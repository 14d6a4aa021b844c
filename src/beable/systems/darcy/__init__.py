"""Darcy flow through random permeability (Jacobsen & Duraisamy 2022)."""
