"""A search: its request, a study for every clip, and how it ended."""
