"""The web application: the page, and `POST /predict` with its OpenAPI document."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from sklearn.pipeline import Pipeline
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from handwriting.app.batches import Batches
from handwriting.app.limits import (
    MAX_BYTES,
    MAX_IN_PROGRESS,
    MAX_RATE,
    Gate,
    SameOrigin,
    read_body,
)
from handwriting.common.errors import InputError
from handwriting.common.params.datasets import ImageFormat
from handwriting.models.svm import threads
from handwriting.pictures.decode import read_grey
from handwriting.recognizer import Box, Found, Reading, Recognizer

UInt8Array = npt.NDArray[np.uint8]
Decode = Callable[[], UInt8Array]
Find = Callable[[Recognizer, UInt8Array], list[Found]]

WEB = Path(__file__).parent / "web"
HOSTS = ("127.0.0.1", "localhost")
IMAGE_TYPES = ("image/png", "image/jpeg", "image/tiff", "image/bmp", "application/octet-stream")
_JSON = "application/json"

_KINDS = {
    "SVC": "support vector machine",
    "RandomForestClassifier": "random forest",
    "DecisionTreeClassifier": "decision tree",
    "NystroemClassifier": "kernel approximation",
}


# Messages for errors that Starlette describes only by the name of the status.
_ROUTING = {
    404: "not found; the page is at /, the API is described in /openapi.json",
    405: "method not allowed; the API is described in /openapi.json",
}


class Pixels(BaseModel):
    """A picture as grey values."""

    model_config = ConfigDict(extra="forbid", strict=True)

    pixels: list[list[Annotated[int, Field(ge=0, le=255)]]] = Field(
        description="Rows of the same length, from top to bottom. 0 is black, 255 is white.",
        min_length=1,
    )

    @field_validator("pixels")
    @classmethod
    def _is_rectangular(cls, rows: list[list[int]]) -> list[list[int]]:
        if not rows[0] or len({len(row) for row in rows}) > 1:
            raise ValueError("all rows must have the same length, at least 1")
        return rows


class BoxAnswer(BaseModel):
    """A rectangle in the picture, in pixels; `right` and `bottom` are exclusive."""

    left: int
    top: int
    right: int
    bottom: int


class ReadingAnswer(BaseModel):
    """The prediction of a model for one part of the picture."""

    digit: int = Field(ge=0, le=9, description="The most probable digit.")
    probability: float = Field(ge=0, le=1)
    runner_up: int = Field(ge=0, le=9, description="The second most probable digit.")
    runner_up_probability: float = Field(ge=0, le=1)
    probabilities: list[float] = Field(
        min_length=10, max_length=10, description="Of the digits 0 to 9; the sum is 1."
    )
    is_digit: bool = Field(description="False if this is probably not a digit.")
    box: BoxAnswer
    line: int = Field(ge=0, description="The line of the picture, counted from 0.")
    pixels: list[list[int]] = Field(description="The input image of the model; 0 is paper.")


class ModelAnswer(BaseModel):
    """All readings of one model."""

    model: str
    readings: list[ReadingAnswer] = Field(
        description="Line by line, from left to right; empty if the picture has no ink."
    )


class Answer(BaseModel):
    """The readings of a picture."""

    width: int = Field(description="Width of the upright picture, in pixels.")
    height: int = Field(description="Height of the upright picture, in pixels.")
    models: list[ModelAnswer] = Field(description="In the order of the request.")


class ModelDescription(BaseModel):
    """An available model."""

    model: str
    description: str
    height: int = Field(description="Height of the model's input images, in pixels.")
    width: int = Field(description="Width of the model's input images, in pixels.")
    pixel_max: int = Field(description="Value of ink in these images; paper is 0.")


class Limits(BaseModel):
    """Limits on requests."""

    max_bytes: int = MAX_BYTES
    max_requests_per_second: int = MAX_RATE


class Models(BaseModel):
    """The available models, the default first, and the limits on requests."""

    models: list[ModelDescription]
    limits: Limits = Limits()


class Problem(BaseModel):
    """The reason why a request was rejected."""

    error: str = Field(description="One sentence.")


_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The body is empty or is not JSON."},
    403: {"model": Problem, "description": "The request comes from another web page."},
    413: {"model": Problem, "description": f"The body has more than {MAX_BYTES:,} bytes."},
    415: {"model": Problem, "description": "The content type is not supported."},
    422: {"model": Problem, "description": "The picture or the name of a model is not valid."},
    429: {"model": Problem, "description": "There are too many requests."},
}
_PREDICT_BODY = {
    "required": True,
    "content": {
        **{name: {"schema": {"type": "string", "format": "binary"}} for name in IMAGE_TYPES},
        _JSON: {"schema": Pixels.model_json_schema()},
    },
}


class _Readers:
    """The models with the threads that run them.

    Parameters
    ----------
    models : mapping of str to Recognizer
        By name, the default first.
    """

    def __init__(self, models: Mapping[str, Recognizer]) -> None:
        self.models = models
        # Each thread processes one request or one batch and uses no further threads.
        self._executor = ThreadPoolExecutor(os.cpu_count(), "model", threads.mark_worker)
        self._batches = {name: Batches(models[name], self._executor) for name in models}
        # If a picture can be segmented in several ways, a model chooses among them. All models with
        # the same image format use the segmentation of the first of them.
        self._finders: dict[ImageFormat, Recognizer] = {}
        for recognizer in models.values():
            self._finders.setdefault(recognizer.image, recognizer)

    async def read(self, decode: Decode, find: Find, names: list[str]) -> Answer:
        """Read a picture with the given models; decoding and prediction run in threads."""
        formats = [self.models[name].image for name in names]
        finders = {image: self._finders[image] for image in formats}
        (height, width), parts = await asyncio.get_running_loop().run_in_executor(
            self._executor, _prepare, decode, find, finders
        )
        readings = await asyncio.gather(
            *(
                self._batches[name].recognize(parts[image])
                for name, image in zip(names, formats, strict=True)
            )
        )
        return Answer(
            width=width,
            height=height,
            models=[
                ModelAnswer(model=name, readings=[_reading_answer(reading) for reading in found])
                for name, found in zip(names, readings, strict=True)
            ],
        )

    def close(self) -> None:
        """Shut down the threads."""
        self._executor.shutdown()


def build(models: Mapping[str, Recognizer]) -> FastAPI:
    """Return the application.

    Parameters
    ----------
    models : mapping of str to Recognizer
        By name, the default first; at least one.

    Returns
    -------
    FastAPI
    """
    readers = _Readers(models)
    gate = Gate(MAX_RATE, MAX_IN_PROGRESS)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # Warm up: the first call of a model imports libraries, which would delay the first request.
        stroke = np.full((28, 28), 255, dtype=np.uint8)
        stroke[8:20, 13:15] = 0
        await readers.read(lambda: stroke, _whole, list(models))
        yield
        readers.close()

    app = FastAPI(
        title="handwriting",
        summary="Reads handwritten digits.",
        version="1",
        lifespan=lifespan,
        # Both pages would load scripts from the Internet.
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(SameOrigin)
    # Protects against DNS rebinding: a site can point its name to 127.0.0.1, but cannot forge Host.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(HOSTS), www_redirect=False)
    app.add_exception_handler(StarletteHTTPException, _refuse)
    app.add_exception_handler(RequestValidationError, _refuse_parameters)

    @app.get("/models")
    async def list_models() -> Models:
        """List the models and the limits on requests."""
        return Models(models=[_description(name, models[name]) for name in models])

    @app.post("/predict", responses=_REFUSALS, openapi_extra={"requestBody": _PREDICT_BODY})
    async def predict(
        request: Request,
        model: Annotated[
            list[str] | None,
            Query(description="Name of a model; can be repeated. The default is the first model."),
        ] = None,
        single: Annotated[
            bool, Query(description="The picture shows exactly one digit and is not segmented.")
        ] = False,
    ) -> Answer:
        """Read the digits in a picture: an image file, or grey values as JSON."""
        names = list(dict.fromkeys(model)) if model else [next(iter(models))]
        unknown = [name for name in names if name not in models]
        if unknown:
            raise HTTPException(
                422, f"model {unknown[0]!r} does not exist; must be one of {', '.join(models)}"
            )
        with gate.enter():
            kind = _content_type(request)
            body = await read_body(request.stream())
            if not body:
                raise HTTPException(400, "the request has no body; send an image")
            try:
                return await readers.read(
                    partial(_pixels if kind == _JSON else read_grey, body),
                    _whole if single else Recognizer.find,
                    names,
                )
            except InputError as error:
                raise HTTPException(422, str(error)) from None

    # Serves only files in this folder; Starlette rejects paths outside it.
    app.mount("/", StaticFiles(directory=WEB, html=True))
    return app


def _prepare(
    decode: Decode, find: Find, finders: Mapping[ImageFormat, Recognizer]
) -> tuple[tuple[int, int], dict[ImageFormat, list[Found]]]:
    """Decode a picture and segment it once for each image format."""
    grey = decode()
    parts = {image: find(finder, grey) for image, finder in finders.items()}
    return (grey.shape[0], grey.shape[1]), parts


def _whole(recognizer: Recognizer, grey: UInt8Array) -> list[Found]:
    """Return the whole picture as one digit; an empty list if it has no ink."""
    pixels = recognizer.prepare(grey)
    box = Box(left=0, top=0, right=grey.shape[1], bottom=grey.shape[0])
    return [Found(box, 0, pixels)] if pixels.any() else []


def _pixels(body: bytes) -> UInt8Array:
    try:
        return np.array(Pixels.model_validate_json(body).pixels, dtype=np.uint8)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["type"] == "json_invalid":
            raise HTTPException(400, f"the body is not JSON: {first['msg']}") from None
        raise HTTPException(422, _sentence(first)) from None


def _content_type(request: Request) -> str:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (*IMAGE_TYPES, _JSON):
        raise HTTPException(
            415,
            f"Content-Type {kind!r} is not supported; must be one of "
            f"{', '.join((*IMAGE_TYPES, _JSON))}",
        )
    return kind


def _sentence(error: Mapping[str, Any]) -> str:
    """Convert an error of pydantic to one sentence: the location and what is allowed."""
    place = ".".join(str(part) for part in error["loc"]) or "body"
    return f"{place}: {error['msg'].removeprefix('Value error, ')}"


async def _refuse(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, StarletteHTTPException)
    problem = _ROUTING.get(error.status_code, error.detail)
    return JSONResponse({"error": problem}, error.status_code, error.headers)


async def _refuse_parameters(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return JSONResponse({"error": _sentence(error.errors()[0])}, 422)


def _reading_answer(reading: Reading) -> ReadingAnswer:
    return ReadingAnswer(
        digit=reading.digit,
        probability=reading.probability,
        runner_up=reading.runner_up,
        runner_up_probability=reading.runner_up_probability,
        probabilities=reading.probabilities.tolist(),
        is_digit=reading.is_digit,
        box=BoxAnswer(**reading.box._asdict()),
        line=reading.line,
        pixels=reading.pixels.tolist(),
    )


def _description(name: str, recognizer: Recognizer) -> ModelDescription:
    image = recognizer.image
    return ModelDescription(
        model=name,
        description=_kind(recognizer.model),
        height=image.height,
        width=image.width,
        pixel_max=image.pixel_max,
    )


def _kind(model: Pipeline) -> str:
    """Return a short description of a model's classifier and features."""
    name = type(model[-1].classifier_).__name__
    has_gradients = type(model["features"]).__name__ == "Blockwise"
    features = "oriented gradients" if has_gradients else "pixels"
    return f"{_KINDS.get(name, name)} on {features}"
