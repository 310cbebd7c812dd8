"""How subjects come to be: one trainer a file, read from top to bottom."""
