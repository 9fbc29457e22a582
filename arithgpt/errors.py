"""Errors that a user sees as one clear line, without a traceback."""


class UserError(Exception):
    """Something that the user can correct. The message names the input, what is wrong with it and what is allowed."""


class PeerLostError(UserError):
    """Another process of the job has ended (training/distributed.py). Only the first process to notice has a message."""
