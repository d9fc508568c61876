"""What happens to gradients between backward pass and step: one gradient clip a file.

A gradient clip maps the gradients of one model to new ones of the same shapes and dtypes. What it
remembers between steps is a dictionary of tensors that goes in and comes out: nothing is hidden in
the object, nothing is written in place and no branch looks at a value, so that ``torch.func.vmap``
clips each of many stacked models by its own history. Parameters without a gradient are left out by
the caller.
"""
