"""What every job of a sweep imports sooner or later, imported once for all of them.

The fork server imports this module before its first child; a child then has it all at once. torch
and others import parts of themselves only when first used, which each child would pay anew.
"""

from __future__ import annotations

from clipbench.cli.garbage import end_at_once, start_up, started

with start_up():
    import PIL.PngImagePlugin  # noqa: F401
    import torch._dynamo  # noqa: F401 -- the first optimizer brings it
    import torch.profiler  # noqa: F401

    import clipbench.cli.job
    import clipbench.cli.summary  # noqa: F401

started()  # so that no child writes to the server's memory by counting what is in it
end_at_once()
