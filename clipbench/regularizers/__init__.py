"""Penalties on activations or thresholds, added to the loss: one regularizer a file.

Reading order: ``base`` (the contract), ``ramp`` (how a penalty comes in over the run); every other
file is one regularizer, and the file of the same name under ``conf/regularizer`` makes it a choice.
A regularizer sees what the sites of one forward pass were given and gave, and never the model.
"""
