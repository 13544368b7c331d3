"""Formats numbers for pages."""

# A narrow no-break space keeps a number and its unit on one line.
_SPACE = "\u202f"


def count(number: float) -> str:
    """Format 12345 as 12,345."""
    return f"{number:,.0f}"


def percent(share: float, digits: int = 2) -> str:
    """Format 0.5 as 50.00 %."""
    return f"{100 * share:.{digits}f}{_SPACE}%"


def percent_interval(low: float, high: float, digits: int = 2) -> str:
    """Format the two limits of an interval as a percentage."""
    return f"{100 * low:.{digits}f}–{percent(high, digits)}"


def p_value(value: float) -> str:
    """Format a p-value with two significant digits, or as less than 0.0001."""
    return "less than 0.0001" if value < 0.0001 else f"{value:.2g}"


def as_typed(value: object) -> str:
    """Format a parameter's value as one would type it: 5.0 as 5."""
    return f"{value:g}" if isinstance(value, float) else str(value)
