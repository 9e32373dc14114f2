"""Tests of int8 weights: what ONNX Runtime computes with them stays near fp32."""

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from penchant.shared.encoding.quantisation import quantised
from penchant.shared.errors import EncoderError

Array = NDArray[np.float32]


def _model(table: Array, matrix: Array | None = None, *, lookups: int = 1) -> onnx.ModelProto:
    """Return a graph that looks rows up and, if there is a matrix, multiplies them by it."""
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], [f"rows{number}"])
        for number in range(lookups)
    ]
    weights = [numpy_helper.from_array(table, "table")]
    if matrix is not None:
        weights.append(numpy_helper.from_array(matrix, "matrix"))
        nodes.append(helper.make_node("MatMul", ["rows0", "matrix"], ["product"]))
    output = helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["text", "token"])
    graph = helper.make_graph(nodes, "test", [ids], [output], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _run(model: onnx.ModelProto, ids: NDArray[np.int64]) -> Array:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return np.asarray(session.run(None, {"input_ids": ids})[0])


tables = arrays(
    np.float32,
    st.tuples(st.integers(1, 20), st.integers(1, 40)),
    elements=st.floats(-100, 100, width=32),
)


@given(table=tables)
def test_a_looked_up_row_is_within_half_a_step(table: Array) -> None:
    """Each weight is off by at most half of its row's step, largest / 127; zero rows by nothing."""
    ids = np.arange(len(table), dtype=np.int64)[None]
    looked_up = _run(quantised(_model(table)), ids)[0]
    half_step = np.abs(table).max(axis=1, keepdims=True) / 127 / 2
    assert np.all(np.abs(looked_up - table) <= half_step * 1.001 + 1e-6)


@pytest.mark.parametrize("depth", [32, 48, 7, 384])
@pytest.mark.parametrize("columns", [1, 5, 64])
def test_a_product_stays_near_fp32(depth: int, columns: int) -> None:
    """Any shape of weight matrix works, whole blocks or not, and costs below 2% of the norm."""
    rng = np.random.default_rng(depth + columns)
    table = rng.standard_normal((20, depth)).astype(np.float32)
    matrix = rng.standard_normal((depth, columns)).astype(np.float32)
    ids = np.arange(20, dtype=np.int64)[None]
    exact = table @ matrix
    product = _run(quantised(_model(table, matrix)), ids)[0]
    assert np.linalg.norm(product - exact) < 0.02 * np.linalg.norm(exact)


def test_fp32_weights_are_gone() -> None:
    """A weight that nothing uses any more is not stored, and the graph is valid."""
    table, matrix = np.ones((4, 32), np.float32), np.ones((32, 8), np.float32)
    model = quantised(_model(table, matrix))
    stored = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    assert stored == {
        "table_int8": TensorProto.INT8,
        "table_scales": TensorProto.FLOAT,
        "matrix_int8": TensorProto.UINT8,
        "matrix_scales": TensorProto.FLOAT,
    }


@pytest.mark.parametrize("lookups", [0, 2])
def test_a_graph_without_one_lookup_is_refused(lookups: int) -> None:
    """A model that is not built as expected is an error, not a half-quantised bundle."""
    table = np.ones((4, 32), np.float32)
    model = _model(table, lookups=max(lookups, 1))
    if not lookups:
        model.graph.node[0].op_type = "GatherElements"
    with pytest.raises(EncoderError, match=f"{lookups} tables, expected 1"):
        quantised(model)
