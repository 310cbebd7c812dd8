"""The grid stack: geometry, generation, shortest paths, one vectorised engine, tabular and object worlds."""
