"""The four operations on natural numbers, and a mixture of them."""
