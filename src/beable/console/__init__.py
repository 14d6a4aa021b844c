"""What the command line prints: results, progress."""
