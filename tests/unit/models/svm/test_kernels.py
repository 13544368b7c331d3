from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handwriting.models.svm.kernels import Kernel


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=5), st.integers(0, 12))
def test_a_polynomial_kernel_is_the_exact_power(products: list[float], degree: int) -> None:
    values = np.array([products])
    kernel = Kernel("poly", gamma=1.0, coef0=0.0, degree=degree)
    kernel.apply(values, np.ones(1), np.ones(len(products)))
    expected = [float(Fraction(product) ** degree) for product in products]
    assert values[0] == pytest.approx(expected, rel=1e-14, abs=1e-300)


def test_a_polynomial_kernel_has_a_factor_and_a_constant() -> None:
    values = np.array([[3.0]])
    Kernel("poly", gamma=2.0, coef0=1.0, degree=2).apply(values, np.ones(1), np.ones(1))
    assert values[0, 0] == 49
