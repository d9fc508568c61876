"""The parts of ``clipbench bench``: from a command line to what is measured, and how it reads."""
