"""What moves the parameters: who decays, at which rate, by which rule, on which schedule.

Read `param_groups.py` (which parameter belongs to whom), `rates.py`, an optimizer, `schedules.py`.
"""
