"""Training, evaluation, ablations and their settings."""
