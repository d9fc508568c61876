"""The training loop and what stands around it: seeding, calibration, evaluation, checkpoints."""
