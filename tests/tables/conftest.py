"""The first call of a look-up compiles it: no deadlines."""

from hypothesis import settings

settings.register_profile("tables", deadline=None)
settings.load_profile("tables")
