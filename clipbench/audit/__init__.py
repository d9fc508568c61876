"""Does a threshold learn? Checks of a clip before training, and of a run after it.

``finding`` is what every check gives. ``static`` asks everything that can be asked of a module
alone; at its heart ``gradient`` tells which gradient each parameter gets. ``training`` looks at a
model beside its optimizer, ``run`` at what a run has recorded.
"""
