"""What lies on disk: written whole or not at all, as JSON, as arrays, and in folders that a manifest names."""
