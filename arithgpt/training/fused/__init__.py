"""The fused training step for CPUs: the same loss and gradients as the module, by fewer and larger operations.

`training/loss.py` takes it behind its argument `fused`; a test holds it to the plain path.
"""
