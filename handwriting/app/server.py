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
from handwriting.pictures.decode import read_grey
from handwriting.recognizer import Box, Found, Reading, Recognizer
from handwriting.svm import threads

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
}


# What Starlette says only with the name of the status.
_ROUTING = {
    404: "there is nothing here; the page is at /, the API is described in /openapi.json",
    405: "this method is not allowed here; the API is described in /openapi.json",
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
    """A rectangle of the picture, in pixels; `right` and `bottom` are the first ones outside it."""

    left: int
    top: int
    right: int
    bottom: int


class ReadingAnswer(BaseModel):
    """What a model reads in one place of the picture."""

    digit: int = Field(ge=0, le=9, description="The most probable digit.")
    probability: float = Field(ge=0, le=1)
    runner_up: int = Field(ge=0, le=9, description="The second most probable digit.")
    runner_up_probability: float = Field(ge=0, le=1)
    probabilities: list[float] = Field(
        min_length=10, max_length=10, description="Of the digits 0 to 9; the sum is 1."
    )
    is_digit: bool = Field(description="False if this is probably no digit at all.")
    box: BoxAnswer
    line: int = Field(ge=0, description="The line of the picture, from 0.")
    pixels: list[list[int]] = Field(description="The image that the model saw; 0 is paper.")


class ModelAnswer(BaseModel):
    """All that one model reads."""

    model: str
    readings: list[ReadingAnswer] = Field(
        description="Line by line, from left to right; empty if the picture has no ink."
    )


class Answer(BaseModel):
    """The readings of a picture."""

    width: int = Field(description="Of the picture, in pixels, upright.")
    height: int
    models: list[ModelAnswer] = Field(description="In the order of the request.")


class ModelDescription(BaseModel):
    """A model that can be asked."""

    model: str
    description: str
    height: int = Field(description="Of the images that the model sees, in pixels.")
    width: int
    pixel_max: int = Field(description="The value of full ink in these images.")


class Limits(BaseModel):
    """What a request may contain."""

    max_bytes: int = MAX_BYTES
    max_requests_per_second: int = MAX_RATE


class Models(BaseModel):
    """The models, the first choice first, and the limits of a request."""

    models: list[ModelDescription]
    limits: Limits = Limits()


class Problem(BaseModel):
    """Why a request was refused."""

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
        By name, the first choice first.
    """

    def __init__(self, models: Mapping[str, Recognizer]) -> None:
        self.models = models
        # Each thread computes one request or one batch, alone.
        self._executor = ThreadPoolExecutor(os.cpu_count(), "model", threads.mark_worker)
        self._batches = {name: Batches(models[name], self._executor) for name in models}
        # Where a picture can be cut in several ways, a model decides. All models of the same image
        # format read what the first of them has cut.
        self._finders: dict[ImageFormat, Recognizer] = {}
        for recognizer in models.values():
            self._finders.setdefault(recognizer.image, recognizer)

    async def read(self, decode: Decode, find: Find, names: list[str]) -> Answer:
        """Read a picture with the models of these names; decoding and the models run in threads."""
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
        """End the threads."""
        self._executor.shutdown()


def build(models: Mapping[str, Recognizer]) -> FastAPI:
    """Return the application.

    Parameters
    ----------
    models : mapping of str to Recognizer
        By name, the first choice first; at least one.
    """
    readers = _Readers(models)
    gate = Gate(MAX_RATE, MAX_IN_PROGRESS)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # The first call of a model imports libraries; the first drawing should not wait for them.
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
        # Both pages load scripts from the network.
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(SameOrigin)
    # Another site could name 127.0.0.1 in its DNS (rebinding), but not change the header Host.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(HOSTS), www_redirect=False)
    app.add_exception_handler(StarletteHTTPException, _refuse)
    app.add_exception_handler(RequestValidationError, _refuse_parameters)

    @app.get("/models")
    async def list_models() -> Models:
        """Name the models and the limits of a request."""
        return Models(models=[_description(name, models[name]) for name in models])

    @app.post("/predict", responses=_REFUSALS, openapi_extra={"requestBody": _PREDICT_BODY})
    async def predict(
        request: Request,
        model: Annotated[
            list[str] | None,
            Query(description="A model's name; repeated for several. Without it, the first one."),
        ] = None,
        single: Annotated[
            bool, Query(description="The picture shows exactly one digit and is not cut.")
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

    # Only files of this folder; Starlette refuses paths that leave it.
    app.mount("/", StaticFiles(directory=WEB, html=True))
    return app


def _prepare(
    decode: Decode, find: Find, finders: Mapping[ImageFormat, Recognizer]
) -> tuple[tuple[int, int], dict[ImageFormat, list[Found]]]:
    """Decode a picture, and find what may be digits, once for each image format."""
    grey = decode()
    parts = {image: find(finder, grey) for image, finder in finders.items()}
    return (grey.shape[0], grey.shape[1]), parts


def _whole(recognizer: Recognizer, grey: UInt8Array) -> list[Found]:
    """Return the whole picture as one digit; nothing if it has no ink."""
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
    """Turn what pydantic found into one sentence: where, and what is allowed."""
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
    """Say in words what a model is."""
    name = type(model[-1].classifier_).__name__
    has_gradients = type(model["features"]).__name__ == "Blockwise"
    features = "oriented gradients" if has_gradients else "pixels"
    return f"{_KINDS.get(name, name)} on {features}"
