"""What every exception meant for a person derives from. Standard library only: each part of Bise may import this."""


class BiseError(Exception):
    """Something stops Bise: one line that says why and what to do about it.

    `exit_status` is 1 where the machine stands in the way and 2 where the user's own words do.
    """

    exit_status = 1
