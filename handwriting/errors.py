"""The one exception that means: the input is at fault, and its message says how to mend it."""


class InputError(ValueError):
    """An expected failure, caused by data, parameters, a mirror or a model file.

    The message is one line a fault: where it is, what is wrong, the bad value and what is allowed.
    A stage prints it and ends with exit code 1; any other exception is a bug.
    """
