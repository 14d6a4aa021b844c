"""The floor of training: one loop, the ensemble it moves, where it starts, and the folder it leaves."""
