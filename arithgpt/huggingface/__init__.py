"""A run as a folder for Hugging Face transformers (`arithgpt export-hf`): it needs transformers and torch, but not arithgpt."""
