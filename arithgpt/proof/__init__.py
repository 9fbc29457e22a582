"""Prove that a trained GPT is right on every problem of its task, of any length (docs/proof.md).

weights of a run -> windows of its task -> logits and bounds -> Proof -> certificate -> checker. NumPy only, no torch.
"""
