"""Image sets that live on the device whole: one set a file, beside what they share.

Read `images.py` (what a set is), then `batches.py` and `augment.py` (how it is served), then
`sources.py` (where files come from and how they are verified), then any set, such as `mnist.py`.
The set files import no torch themselves, so that `clipbench data list` starts at once.
"""
