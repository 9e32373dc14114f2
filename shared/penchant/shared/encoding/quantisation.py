"""int8 weights for a transformer's ONNX graph.

The table of word embeddings gets one scale a row, and each weight matrix becomes ONNX Runtime's
``MatMulNBits`` with one scale for 32 weights. That operator quantises each row of activations by
itself; ONNX Runtime's dynamic int8 shares one scale over the batch, so that there a text's
embedding depends on its neighbours.

ONNX Runtime's own quantiser is not used: importing it sets up the root logger of the process, and
it has no int8 lookup.
"""

import numpy as np
import onnx
from numpy.typing import NDArray

from penchant.shared.errors import EncoderError

__all__ = ["quantised"]

OPERATORS = "com.microsoft"
BLOCK_SIZE = 32
INT8_MAXIMUM = 127
# Activations in int8, by row and block. More exact levels take eight times as long on one text.
INT8_ACTIVATIONS = 4

Replacement = tuple[list[onnx.NodeProto], dict[str, NDArray[np.generic]]]


def quantised(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return ``model`` with its word embeddings and weight matrices in int8; it is changed.

    Args:
        model: fp32 graph with an input ``input_ids``, which looks rows up in one table.

    Raises:
        EncoderError: ``input_ids`` is not looked up in exactly one table.
    """
    graph = model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    arrays: dict[str, NDArray[np.generic]] = {}
    lookups = 0
    for node in graph.node:
        if node.op_type == "Gather" and node.input[0] in weights and node.input[1] == "input_ids":
            new_nodes, new_arrays = _int8_lookup(node, weights[node.input[0]])
            lookups += 1
        elif node.op_type == "MatMul" and len(getattr(weights.get(node.input[1]), "dims", ())) == 2:
            new_nodes, new_arrays = _int8_product(node, weights[node.input[1]])
        else:
            new_nodes, new_arrays = [node], {}
        nodes += new_nodes
        arrays |= new_arrays
    if lookups != 1:
        raise EncoderError(f"the model looks token ids up in {lookups} tables, expected 1")
    used = {name for node in nodes for name in node.input}
    kept = [tensor for name, tensor in weights.items() if name in used]
    new = [onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(kept + new)
    model.opset_import.append(onnx.helper.make_opsetid(OPERATORS, 1))
    return model


def _int8_lookup(lookup: onnx.NodeProto, table: onnx.TensorProto) -> Replacement:
    """Look rows up in int8, with one fp32 scale a row."""
    whole, scales = _int8(onnx.numpy_helper.to_array(table))
    whole_name, scales_name = _names(table)
    rows, scale, cast = (f"{lookup.output[0]}_{part}" for part in ("int8", "scale", "cast"))
    make = onnx.helper.make_node
    nodes = [
        make("Gather", [whole_name, lookup.input[1]], [rows]),
        make("Gather", [scales_name, lookup.input[1]], [scale]),
        make("Cast", [rows], [cast], to=onnx.TensorProto.FLOAT),
        make("Mul", [cast, scale], list(lookup.output)),
    ]
    return nodes, {whole_name: whole, scales_name: scales}


def _int8_product(product: onnx.NodeProto, weight: onnx.TensorProto) -> Replacement:
    """Multiply by int8 weights, with one fp32 scale for each block of a column."""
    matrix = onnx.numpy_helper.to_array(weight)
    depth, columns = matrix.shape
    padded = np.pad(matrix.T, ((0, 0), (0, -depth % BLOCK_SIZE)))
    whole, scales = _int8(padded.reshape(columns, -1, BLOCK_SIZE))
    whole_name, scales_name = _names(weight)
    node = onnx.helper.make_node(
        "MatMulNBits",
        [product.input[0], whole_name, scales_name],
        list(product.output),
        domain=OPERATORS,
        K=depth,
        N=columns,
        bits=8,
        block_size=BLOCK_SIZE,
        accuracy_level=INT8_ACTIVATIONS,
    )
    # The operator stores a weight plus 128, as an unsigned byte.
    unsigned = (whole.astype(np.int16) + 128).astype(np.uint8)
    return [node], {whole_name: unsigned, scales_name: scales.squeeze(-1)}


def _int8(array: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return whole numbers and, for each last axis, the scale that brings them near ``array``."""
    largest = np.abs(array).max(axis=-1, keepdims=True)
    # A row of zeros, or of numbers too small to divide, has the smallest scale and no weight.
    scales = np.maximum(largest / INT8_MAXIMUM, np.finfo(np.float32).tiny).astype(np.float32)
    return np.rint(array / scales).astype(np.int8), scales


def _names(weight: onnx.TensorProto) -> tuple[str, str]:
    return f"{weight.name}_int8", f"{weight.name}_scales"
