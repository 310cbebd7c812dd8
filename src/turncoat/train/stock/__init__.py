"""Trainers of other people, with the settings that they publish."""
