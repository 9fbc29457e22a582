"""The errors a user sees: a clear line, no traceback."""


class UserError(Exception):
    """Something the user can put right. The message names the input, what is wrong with it and what is allowed."""


class PeerLostError(UserError):
    """Another process of the job has gone (ranks.py). The first to notice says so, and the message of all others is empty."""
