"""Data sets and tasks of supervised learning."""
