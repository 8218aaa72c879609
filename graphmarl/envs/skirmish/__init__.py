"""Combat of two armies by the rules of SMAC, in batched tensors."""
