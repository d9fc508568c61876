"""What may stand at an activation site: one clip a file, on the contract of ``base``.

Reading order: ``base`` (the contract), ``tie_rule`` (what an input exactly at a bound gives to it),
``threshold`` (one learned number), ``positivity`` (how it stays valid), ``data_rule`` (how data
sets it), ``masks`` (where a masked clip acts); every other file is one clip, and the file of the
same name under ``conf/clip`` makes it a choice. A new clip is two files, its own and its YAML; its
formulas stand once more in the test file that mirrors it, where ``tests/test_every_clip.py`` looks
for them.
"""
