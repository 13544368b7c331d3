"""A page in a real browser that is cut off from the network."""

from dataclasses import dataclass, field

from playwright.sync_api import BrowserContext, Page


@dataclass
class Visit:
    """An open page with its errors and its requests to other places than its own."""

    page: Page
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def is_clean(self) -> bool:
        """Return whether there was no error and no request to a network."""
        return (self.errors, self.requests) == ([], [])


def watch(
    visit: Visit, context: BrowserContext, own: tuple[str, ...], messages: tuple[str, ...]
) -> None:
    """Note errors, console messages of the given types, and requests to elsewhere.

    Requests that do not begin with `own` are cut off.
    """
    page = visit.page
    page.on("pageerror", lambda error: visit.errors.append(str(error)))
    page.on(
        "console",
        lambda message: visit.errors.append(message.text) if message.type in messages else None,
    )
    context.on("request", lambda r: None if r.url.startswith(own) else visit.requests.append(r.url))
    context.route(
        "**/*",
        lambda route: route.continue_() if route.request.url.startswith(own) else route.abort(),
    )
