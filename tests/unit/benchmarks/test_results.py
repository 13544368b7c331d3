from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import results


@dataclass(frozen=True)
class Measured:
    name: str
    seconds: float
    mistakes: int | None


@given(
    st.lists(
        st.builds(
            Measured,
            st.text(),
            st.floats(allow_nan=False, allow_infinity=False),
            st.none() | st.integers(),
        )
    )
)
def test_written_results_are_read_again(
    tmp_path_factory: pytest.TempPathFactory, kept: list[Measured]
) -> None:
    path = tmp_path_factory.mktemp("results") / "results.jsonl"
    results.write(kept, path)
    assert results.read(Measured, path) == kept
