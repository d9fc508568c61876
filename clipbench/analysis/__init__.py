"""What a set of runs says: loading, statistics, verdicts. Reads records only, never torch."""
