"""The floor of data sets: the store on disk, its generation by a simulator, its making from arrays and files."""
