"""clipbench: what should stand where a network has its activation function?

The rooms, in reading order:

- ``clips``         forward: what stands at an activation site, one method a file
- ``grad_clips``    backward: what happens to gradients before the step
- ``regularizers``  penalties on activations or thresholds, added to the loss
- ``models``        small networks that take a factory of clips
- ``data``          image sets that live on the device whole
- ``optim``         optimizers, schedules, and who gets which decay
- ``training``      the loop, and what is needed around it
- ``probes``        what is measured at each site, from outside
- ``records``       what a run leaves behind
- ``audit``         does a threshold learn? before training, and after it
- ``bench``         how fast, each thing against a reference
- ``analysis``      which choices differ, by how much, how sure; from records only
- ``cli``           the command line: composes, checks, assembles, shows

A room imports only rooms below it; ``tests/test_architecture.py`` holds the order.
"""
