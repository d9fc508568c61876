"""How fast: clips, the training step, many seeds, start-up and data, each against a reference.

``turns`` runs contestants A B A B, ``measure`` holds what they took; each file after these measures
one thing. ``results`` is the form on the disk, ``against`` compares two of them.
"""
