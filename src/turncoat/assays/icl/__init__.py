"""Which algorithm an in-context learner runs."""
