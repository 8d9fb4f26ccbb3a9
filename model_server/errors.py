"""What can go wrong, named by whose fault it is; `status` says what each means on the wire.

Messages name the culprit, what was expected and what was received: they are all that a client sees.
"""


class ModelServerError(Exception):
    """Anything this server says no with."""


# The client's


class BadRequestError(ModelServerError):
    """The request is wrong and stays wrong: sending it again does not help."""


class UnknownModelError(ModelServerError):
    """No model of this name, or no such version of it."""


class ForbiddenError(ModelServerError):
    """Nobody whom this server lets in: another certificate is needed."""


class UnsupportedError(ModelServerError):
    """A part of the protocol that this server does not have."""


# Ours


class NotReadyError(ModelServerError):
    """The model is known but not loaded yet."""


class ControlOffError(ModelServerError):
    """Models cannot be loaded and unloaded while this server runs: its operator has not allowed it."""


class OverloadedError(ModelServerError):
    """Too many calls wait already; this one was not queued."""


class DeadlineError(ModelServerError):
    """The caller's deadline passed before there was an answer."""


class StoppingError(ModelServerError):
    """The server ends; this call was not run."""


class ModelFailedError(ModelServerError):
    """The model was run with a request that fits its inputs, and failed."""


# The operator's


class BrokenModelError(ModelServerError):
    """A model that cannot be loaded or served; the start fails, or the request to load it."""


class StartError(ModelServerError):
    """Something else that keeps the server from starting, such as an address in use."""


class ServerDiedError(ModelServerError):
    """gRPC's server has ended by itself: nobody is served any more, and only a new process helps."""
