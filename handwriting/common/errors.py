"""The exception for faulty input; its message tells the user how to fix it."""


class InputError(ValueError):
    """An expected failure caused by data, parameters, a mirror, a model file or a full disk.

    The message has one line per fault: where it is, the faulty value, what is allowed and how to
    fix it. A stage prints the message and exits with code 1. Any other exception is a bug.
    """
