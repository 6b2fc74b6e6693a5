"""The exercises of each lesson: see helpers/exercises.py for how they work."""
