"""Which URLs data may come from."""

from urllib.parse import urlsplit

# Traffic to these hosts stays on this machine, so it needs no encryption.
_OWN_HOSTS = ("127.0.0.1", "localhost")


def is_safe(url: str) -> bool:
    """Return whether the content of a URL cannot be changed in transit.

    Parameters
    ----------
    url : str
        With a scheme, for example ``https://example.org/digits.csv``.

    Returns
    -------
    bool
        True for https, and for http from this machine.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # for example a bracket that is not closed
        return False
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _OWN_HOSTS)
    )
