"""The real server on a free port of this machine, with small models."""

import http.client
import io
import json
import socket
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate
from PIL import Image

from handwriting.app import server
from handwriting.app.limits import MAX_BYTES, MAX_IN_PROGRESS
from handwriting.common.images import LabelledImages
from handwriting.recognizer import Reading, Recognizer
from tests.helpers import fit_digits
from tests.serving import serving

PNG = {"Content-Type": "image/png"}
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)


@dataclass(frozen=True)
class Server:
    port: int
    models: dict[str, Recognizer]

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, names, response.read())
        finally:
            connection.close()

    def predict(self, body: Any, headers: dict[str, str] | None = None, query: str = "") -> Reply:
        return self.request("POST", f"/predict{query}", body, headers or PNG)


@pytest.fixture(scope="module")
def running(digits: LabelledImages) -> Iterator[Server]:
    models = {
        "svc": Recognizer(fit_digits("svc with gradients", digits)),
        "tree": Recognizer(fit_digits("tree", digits)),
    }
    with serving(models) as port:
        yield Server(port, models)


@pytest.fixture(scope="module")
def seven() -> np.ndarray:
    """A drawn seven, dark on light."""
    grey = np.full((80, 60), 230, dtype=np.uint8)
    grey[15:22, 12:48] = 30
    for i in range(45):
        grey[20 + i, 42 - i // 2 : 49 - i // 2] = 30
    return grey


def png(grey: np.ndarray) -> bytes:
    target = io.BytesIO()
    Image.fromarray(grey).save(target, "png")
    return target.getvalue()


def bomb() -> bytes:
    """A PNG that says that it has 60,000 × 60,000 pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(name + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + name + data + crc

    size = (60_000).to_bytes(4, "big")
    head = chunk(b"IHDR", size + size + bytes([8, 0, 0, 0, 0]))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000)))


def test_the_answer_is_what_the_library_reads(running: Server, seven: np.ndarray) -> None:
    reply = running.predict(png(seven), query="?model=tree&model=svc")
    assert reply.status == 200
    assert reply.json["width"] == 60
    assert reply.json["height"] == 80
    assert [model["model"] for model in reply.json["models"]] == ["tree", "svc"]
    for answer in reply.json["models"]:
        expected = running.models[answer["model"]].read(seven)
        assert len(expected) == 1
        for got, reading in zip(answer["readings"], expected, strict=True):
            assert_is(got, reading)


def assert_is(got: dict[str, Any], reading: Reading) -> None:
    names = ("digit", "runner_up", "is_digit", "line")
    assert {name: got[name] for name in names} == {name: getattr(reading, name) for name in names}
    # The last bits depend on the number of BLAS's threads.
    np.testing.assert_allclose(got["probabilities"], reading.probabilities, atol=1e-6)
    assert got["probability"] == got["probabilities"][got["digit"]]
    assert got["runner_up_probability"] == got["probabilities"][got["runner_up"]]
    assert tuple(got["box"].values()) == tuple(reading.box)
    np.testing.assert_array_equal(got["pixels"], reading.pixels)


def test_a_picture_of_a_single_digit_is_not_cut(running: Server) -> None:
    grey = np.full((100, 160), 240, dtype=np.uint8)
    grey[20:80, 30:40] = grey[20:80, 110:120] = 20
    cut = running.predict(png(grey)).json["models"][0]["readings"]
    assert len(cut) == 2
    (whole,) = running.predict(png(grey), query="?single=true").json["models"][0]["readings"]
    np.testing.assert_array_equal(whole["pixels"], running.models["svc"].prepare(grey))
    assert tuple(whole["box"].values()) == (0, 0, 160, 100)


@pytest.mark.parametrize("single", ["true", "false"])
def test_a_picture_without_ink_has_no_readings(single: str, running: Server) -> None:
    reply = running.predict(png(np.full((50, 50), 200, np.uint8)), query=f"?single={single}")
    assert reply.json["models"] == [{"model": "svc", "readings": []}]


@pytest.mark.parametrize("kind", ["jpeg", "tiff", "bmp"])
def test_other_formats_are_read(kind: str, running: Server, seven: np.ndarray) -> None:
    target = io.BytesIO()
    Image.fromarray(seven).save(target, kind)
    reply = running.predict(target.getvalue(), {"Content-Type": f"image/{kind}; charset=x"})
    assert len(reply.json["models"][0]["readings"]) == 1


def test_grey_values_give_the_same_answer_as_a_file(running: Server, seven: np.ndarray) -> None:
    body = json.dumps({"pixels": seven.tolist()})
    query = "?model=svc&model=tree&model=svc"
    assert running.predict(body, JSON, query).json == running.predict(png(seven), query=query).json


def test_without_a_name_the_first_model_answers(running: Server, seven: np.ndarray) -> None:
    assert [model["model"] for model in running.predict(png(seven)).json["models"]] == ["svc"]


def test_the_models_are_listed_with_the_limits(running: Server) -> None:
    listed = running.request("GET", "/models").json
    assert [model["model"] for model in listed["models"]] == ["svc", "tree"]
    assert listed["models"][0]["description"] == "support vector machine on oriented gradients"
    assert (listed["models"][1]["height"], listed["models"][1]["pixel_max"]) == (8, 16)
    assert listed["limits"]["max_bytes"] == MAX_BYTES


def rows(value: object) -> str:
    return json.dumps({"pixels": value})


@pytest.mark.parametrize(
    ("body", "headers", "query", "status", "problem"),
    [
        (b"", PNG, "", 400, "no body"),
        (b"{", JSON, "", 400, "not JSON"),
        ("\x00\ud800".encode("utf-8", "surrogatepass"), JSON, "", 400, "not JSON"),
        ("[]", JSON, "", 422, "object"),
        ("{}", JSON, "", 422, "pixels: Field required"),
        (rows([]), JSON, "", 422, "at least 1"),
        (rows([[], []]), JSON, "", 422, "pixels: all rows must have the same length"),
        (rows([[1, 2], [3]]), JSON, "", 422, "pixels: all rows must have the same length"),
        (rows([[1, 256]]), JSON, "", 422, "pixels.0.1: Input should be less than or equal to 255"),
        (rows([[-1]]), JSON, "", 422, "greater than or equal to 0"),
        (rows([[0.5]]), JSON, "", 422, "valid integer"),
        (rows([["1"]]), JSON, "", 422, "valid integer"),
        (rows([[float("nan")]]), JSON, "", 422, "valid integer"),
        ('{"pixels": [[1]], "model": "x"}', JSON, "", 422, "Extra inputs"),
        ("[" * 100_000, JSON, "", 400, "not JSON"),
        (b"x", {"Content-Type": "text/plain"}, "", 415, "'text/plain' is not supported"),
        (b"x", {"Content-Type": "image/svg+xml"}, "", 415, "must be one of image/png"),
        (b"x", {"Content-Type": ""}, "", 415, "'' is not supported"),
        (b"GIF89a", PNG, "", 422, "not a PNG, JPEG, TIFF or BMP image"),
        (bomb(), PNG, "", 422, "too large"),
        (b"x", PNG, "?model=other", 422, "'other' does not exist; must be one of svc, tree"),
        (b"x", PNG, "?model=../../etc/passwd", 422, "does not exist"),
        (b"x", PNG, "?single=perhaps", 422, "query.single: Input should be a valid boolean"),
        (bytes(MAX_BYTES + 1), PNG, "", 413, "must have at most 10,000,000 bytes"),
    ],
)
def test_faulty_requests_are_refused_with_one_sentence(
    body: str | bytes,
    headers: dict[str, str],
    query: str,
    status: int,
    problem: str,
    running: Server,
) -> None:
    reply = running.predict(body, headers, query)
    assert (reply.status, reply.headers["content-type"]) == (status, "application/json")
    assert set(reply.json) == {"error"}
    assert problem in reply.json["error"]
    assert "\n" not in reply.json["error"]
    assert len(reply.json["error"]) < 250


def test_a_truncated_file_is_refused(running: Server, seven: np.ndarray) -> None:
    reply = running.predict(png(seven)[:-60])
    assert reply.status == 422
    assert "damaged image" in reply.json["error"]


def test_a_body_of_unknown_size_is_counted_while_it_is_read(running: Server) -> None:
    reply = running.predict((bytes(1_000_000) for _ in range(20)), PNG)
    assert (reply.status, reply.headers["connection"]) == (413, "close")


def test_an_endless_body_ends_the_connection(running: Server) -> None:
    sent = 0

    def chunks() -> Iterator[bytes]:
        nonlocal sent
        while sent < 1_000_000_000:
            sent += 1_000_000
            yield bytes(1_000_000)

    with pytest.raises(ConnectionError):
        running.predict(chunks(), PNG)
    assert sent < 500_000_000


def test_too_many_requests_at_a_time_are_refused(running: Server, seven: np.ndarray) -> None:
    begun = []
    try:
        for _ in range(MAX_IN_PROGRESS):
            begun.append(socket.create_connection(("127.0.0.1", running.port)))
            begun[-1].sendall(
                b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
                b"Content-Length: 10\r\n\r\nx"
            )
        deadline = time.monotonic() + 10
        while (reply := running.predict(png(seven))).status == 200 and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        for connection in begun:
            connection.close()
    assert (reply.status, reply.headers["retry-after"]) == (429, "1")
    assert "at a time" in reply.json["error"]
    deadline = time.monotonic() + 10
    while running.predict(png(seven)).status == 429 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert running.predict(png(seven)).status == 200


@pytest.mark.parametrize("host", ["example.com", "127.0.0.1.example.com", "192.168.0.1:8000", ""])
@pytest.mark.parametrize("path", ["/", "/models", "/openapi.json"])
def test_other_host_names_are_refused(host: str, path: str, running: Server) -> None:
    reply = running.request("GET", path, headers={"Host": host})
    assert (reply.status, reply.content) == (400, b"Invalid host header")


@pytest.mark.parametrize("origin", ["http://example.com", "null", "http://127.0.0.1:1"])
def test_other_pages_are_refused(origin: str, running: Server, seven: np.ndarray) -> None:
    reply = running.predict(png(seven), {**PNG, "Origin": origin})
    assert (reply.status, reply.json) == (
        403,
        {"error": "requests from other web pages are refused"},
    )
    assert not any(name.startswith("access-control") for name in reply.headers)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_page_itself_may_ask(host: str, running: Server, seven: np.ndarray) -> None:
    own = f"{host}:{running.port}"
    reply = running.predict(png(seven), {**PNG, "Host": own, "Origin": f"http://{own}"})
    assert reply.status == 200


def test_every_answer_says_what_the_page_may_load(running: Server) -> None:
    for path in ("/", "/app.js", "/models", "/missing"):
        headers = running.request("GET", path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; ")
        assert headers["x-content-type-options"] == "nosniff"
        assert not any(name.startswith("access-control") for name in headers)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/missing", 404),
        ("GET", "/docs", 404),
        ("GET", "/../server.py", 404),
        ("GET", "/..%2fserver.py", 404),
        ("GET", "/%2e%2e/%2e%2e/recognizer.py", 404),
        ("GET", "//etc/passwd", 404),
        ("GET", "/..\\server.py", 404),
        ("GET", "/predict", 404),
        ("DELETE", "/", 405),
        ("POST", "/openapi.json", 405),
    ],
)
def test_only_the_files_of_the_page_are_served(
    method: str, path: str, status: int, running: Server
) -> None:
    reply = running.request(method, path)
    assert reply.status == status
    assert reply.json["error"].endswith("the API is described in /openapi.json")


def test_the_openapi_document_is_valid_and_complete(running: Server) -> None:
    document = running.request("GET", "/openapi.json").json
    validate(document)
    assert set(document["paths"]) == {"/models", "/predict"}
    operation = document["paths"]["/predict"]["post"]
    assert set(operation["requestBody"]["content"]) == {*server.IMAGE_TYPES, "application/json"}
    expected = {"200", "400", "403", "413", "415", "422", "429"}
    assert set(operation["responses"]) == expected
    for status in expected - {"200"}:
        schema = operation["responses"][status]["content"]["application/json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/Problem"}


def test_answers_match_the_openapi_document(running: Server, seven: np.ndarray) -> None:
    document = running.request("GET", "/openapi.json").json

    def check(name: str, answer: object) -> None:
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        assert list(OAS31Validator(schema).iter_errors(answer)) == []

    check("Answer", running.predict(png(seven), query="?model=svc&model=tree").json)
    check("Models", running.request("GET", "/models").json)
    check("Problem", running.predict(b"x").json)
    with pytest.raises(AssertionError):
        check("Answer", {"width": 1})
