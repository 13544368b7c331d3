"""The real server in a thread, and its page in a browser without any other network."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import uvicorn
from playwright.sync_api import Browser

from handwriting.app import serve, server
from handwriting.recognizer import Recognizer
from tests import browsing
from tests.strokes import Point, trace


@contextmanager
def serving(models: Mapping[str, Recognizer]) -> Iterator[int]:
    """Serve models on a free port and return the port."""
    with serve.listen(0) as listener:
        application = uvicorn.Server(uvicorn.Config(server.build(models), log_level="error"))
        thread = threading.Thread(target=application.run, kwargs={"sockets": [listener]})
        thread.start()
        while not application.started and thread.is_alive():
            time.sleep(0.01)
        try:
            yield listener.getsockname()[1]
        finally:
            application.should_exit = True
            thread.join()


class Visit(browsing.Visit):
    """The open page for drawing."""

    def settle(self) -> str:
        """Wait until the last answer is shown; return what is read."""
        self.page.wait_for_selector("#answer[aria-busy=false]")
        return self.text

    @property
    def text(self) -> str:
        """What is read."""
        return self.page.locator("#text").inner_text()

    def write(self, image: np.ndarray) -> None:
        """Draw a digit of MNIST, shape (28, 28), with the mouse, as large as the surface."""
        for stroke in trace(image):
            self.stroke([(x / 28, y / 28) for x, y in stroke])

    def stroke(self, points: list[Point], lift: bool = True) -> None:
        """Draw a stroke with the mouse; points (x, y) are parts of the surface."""
        box = self.page.locator("#drawing").bounding_box()
        assert box
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*place)
        if lift:
            self.page.mouse.up()


@contextmanager
def visiting(
    browser: Browser, port: int, width: int = 1280, touch: bool = False
) -> Iterator[Visit]:
    """Open the page; all requests but those to its server are cut off."""
    own = f"http://127.0.0.1:{port}/"
    context = browser.new_context(viewport={"width": width, "height": 850}, has_touch=touch)
    visit = Visit(context.new_page())
    browsing.watch(visit, context, (own, f"blob:{own}"), ("error", "warning"))
    visit.page.goto(own)
    visit.page.wait_for_selector("[data-ready]")
    yield visit
    context.close()
