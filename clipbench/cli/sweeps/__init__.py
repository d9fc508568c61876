"""A sweep: its plan, its isolated jobs, and how they ended."""
