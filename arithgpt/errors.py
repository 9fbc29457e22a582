"""The one error a user sees: a clear line, no traceback."""


class UserError(Exception):
    """Something the user can put right. The message names the input, what is wrong with it and what is allowed."""
