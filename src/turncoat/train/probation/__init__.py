"""The stages of training of agents on probation."""
