"""What Bise raises: every error of ours says why and names the object that it is about."""


class BiseError(Exception):
    """The base of all of our own exceptions; its text is meant for the operator."""
