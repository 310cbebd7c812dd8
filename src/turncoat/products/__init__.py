"""Real products, as subjects: pinned packages that other people published, installed by `make products`, never copied
into ours. `catalogue` says what each one is and promises; the other modules ask it."""
