"""What happens to gradients between backward pass and step: one gradient clip a file.

A gradient clip is a pure function from a list of gradients to a new list of the same shapes and
dtypes; settings are keyword arguments, bound once with ``functools.partial``. Parameters without a
gradient are left out by the caller. No branch looks at a value and nothing is written in place, so
that ``torch.func.vmap`` clips each of many stacked models by its own gradients.
"""
