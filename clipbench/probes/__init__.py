"""What the activations of a model look like, measured from outside, one quantity a file."""
