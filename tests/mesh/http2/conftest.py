"""What holds for all tests of the wire."""

from hypothesis import settings

# On a machine that does other work too, the time of one example says nothing.
settings.register_profile("wire", deadline=None)
settings.load_profile("wire")
