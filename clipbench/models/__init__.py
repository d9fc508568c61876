"""The networks: each takes a `make_clip` and puts one clip at every activation site.

Read `units.py` (convolution, norm, clip, pool), then `cnn.py`, then `initialize.py`.
"""
