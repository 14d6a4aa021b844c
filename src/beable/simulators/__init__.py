"""The floor of the simulators: physics only."""
