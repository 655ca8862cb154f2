"""The wire: what crosses it comes out as it went in, and what is no frame of ours is refused, cheaply."""

from __future__ import annotations

import contextlib
import math
import subprocess
import sys
import tracemalloc
from typing import Any

import hypothesis.extra.numpy as arrays
import msgspec
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from autograder.sandbox import messages, wire
from autograder.sandbox.wire import MAX_BODY, MAX_HEADER, Function, Handle, Packer, Unpacker, WireError

QUICK = settings(deadline=None, max_examples=200, suppress_health_check=list(HealthCheck))
MANY = settings(QUICK, max_examples=1500)
DTYPES = (
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "float32",
    "float64",
)


class Store:
    """Keeps what can't be sent, and finds it again."""

    def __init__(self) -> None:
        self.kept: list[object] = []

    def keep(self, value: object) -> Handle:
        self.kept.append(value)
        return Handle(len(self.kept) - 1, type(value).__name__)

    def find(self, reference: Handle | Function) -> object:
        if isinstance(reference, Function) or not 0 <= reference.id < len(self.kept):
            raise WireError("nothing of that number")
        return self.kept[reference.id]


def sent(value: object) -> Any:
    """`value` as it arrives on the other side."""
    store = Store()
    packer = Packer(store)
    header = msgspec.msgpack.encode(packer.pack(value))
    frame = b"".join(wire.frame(header, packer.buffers))
    size, _ = wire.lengths(frame[: wire.PREFIX.size])
    body = memoryview(frame)[wire.PREFIX.size + size :]
    return Unpacker(store, body).unpack(msgspec.msgpack.decode(frame[wire.PREFIX.size :][:size]))


def same(one: Any, other: Any) -> bool:
    """Equal in value and in type, all the way down; NaN equals NaN."""
    if isinstance(one, np.ndarray | np.generic):
        alike = type(one) is type(other) and one.dtype.name == other.dtype.name and one.shape == other.shape
        return alike and np.asarray(one, "<" + one.dtype.str[1:]).tobytes() == other.tobytes()
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return type(other) is dict and list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    return type(one) is type(other) and (one == other or (one != one and other != other))


texts = st.text(st.characters(codec="utf-8"))
keys = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | texts
ndarrays = st.one_of(
    arrays.arrays(st.sampled_from(DTYPES), arrays.array_shapes(min_dims=0, min_side=0, max_side=4, max_dims=4)),
    arrays.arrays(st.sampled_from([">i4", ">f8", ">u2"]), arrays.array_shapes(min_dims=0)),
)
scalars = ndarrays.filter(lambda array: array.size).map(lambda array: array.ravel()[0])
plain = st.none() | st.booleans() | st.integers() | st.floats() | texts | ndarrays | scalars
values = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=4) | st.lists(inner, max_size=4).map(tuple) | st.dictionaries(keys, inner, max_size=4)
    ),
    max_leaves=20,
)


@QUICK
@given(values)
def test_values_arrive_as_they_were_sent(value: object) -> None:
    assert same(value, sent(value))


@QUICK
@given(st.integers(-(10**350), 10**350))
def test_integers_beyond_64_bits_arrive_exactly(value: int) -> None:
    assert sent(value) == value


@QUICK
@given(
    st.sampled_from(["float16", "float32", "float64", "int64", "bool", "uint8"]),
    arrays.array_shapes(min_dims=0, min_side=0, max_side=4),
    st.booleans(),
    st.booleans(),
)
def test_tensors_arrive_with_their_gradient(
    dtype: str, shape: tuple[int, ...], records: bool, has_gradient: bool
) -> None:
    tensor = torch.randint(0, 2, shape).to(getattr(torch, dtype))
    if tensor.is_floating_point():
        tensor.requires_grad_(records)
        if has_gradient:
            tensor.grad = torch.randn(shape).to(tensor.dtype)
    got = sent([tensor])[0]
    assert got.dtype == tensor.dtype
    assert got.requires_grad == tensor.requires_grad
    assert torch.equal(got, tensor)
    assert (got.grad is None) == (tensor.grad is None)
    assert tensor.grad is None or torch.equal(got.grad, tensor.grad)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(24.0).reshape(2, 3, 4)[:, ::-1, ::2],
        np.arange(12).reshape(3, 4).T,
        np.broadcast_to(np.float32(3), (4, 5)),
        np.array(7, ">i8"),
        np.zeros((3, 0, 2)),
    ],
    ids=["strided", "transposed", "broadcast", "big-endian without dimensions", "empty"],
)
def test_arrays_of_any_layout_arrive_as_fresh_writable_ones(array: np.ndarray[Any, Any]) -> None:
    got = sent(array)
    assert got.shape == array.shape
    assert np.array_equal(got, array)
    got[...] = 1


def test_a_tensor_that_was_computed_arrives_as_data() -> None:
    weight = torch.ones(3, requires_grad=True)
    got = sent((weight * 2).view(3, 1).expand(3, 2))
    assert got.tolist() == [[2.0, 2.0]] * 3
    assert got.requires_grad


def test_what_is_no_data_arrives_as_the_handle_that_stands_for_it() -> None:
    for thing in (torch.nn.Linear(2, 2), object(), np.array(["text"]), np.array([1j]), {1, 2}, b"bytes", 1j):
        assert sent([thing])[0] is thing


@pytest.mark.parametrize(
    "value",
    [
        [[0] * 1000] * 1000,
        10**100_000,
        np.zeros(MAX_BODY + 1, np.uint8),
        [np.zeros(MAX_BODY // 2, np.uint8)] * 3,
        {(1, 2): 3},
        {2**64: 1},
        {np.float64(1): 1},
    ],
    ids=["parts", "digits", "array", "arrays", "tuple as key", "large key", "NumPy key"],
)
def test_what_is_too_large_or_no_plain_key_is_refused_by_the_sender(value: object) -> None:
    with pytest.raises(WireError):
        sent(value)


def test_what_is_nested_too_deeply_is_refused_by_the_sender() -> None:
    nested: list[object] = []
    for _ in range(40):
        nested = [nested]
    with pytest.raises(WireError):
        sent(nested)
    nested.append(nested)
    with pytest.raises(WireError):
        sent(nested)


def test_a_header_of_text_larger_than_the_cap_is_refused() -> None:
    with pytest.raises(WireError):
        wire.frame(bytes(MAX_HEADER + 1), [])
    for header, body in ((MAX_HEADER + 1, 0), (0, MAX_BODY + 1), (2**32 - 1, 2**32 - 1)):
        with pytest.raises(WireError):
            wire.lengths(wire.PREFIX.pack(header, body))
    assert wire.lengths(wire.PREFIX.pack(MAX_HEADER, MAX_BODY)) == (MAX_HEADER, MAX_BODY)


def unpacked(tree: object, body: bytes = bytes(64)) -> Any:
    """What a tree from the other side becomes; the memory it takes is bounded by the frame's size."""
    tracemalloc.start()
    try:
        return Unpacker(Store(), memoryview(body)).unpack(tree)
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 2 * MAX_BODY


lengths = st.integers(-1, 3) | st.sampled_from([2**26, 2**26 + 1, 2**31, 2**40, 2**62, 2**63, -(2**40)])
odd = st.none() | st.booleans() | lengths | st.floats() | st.text(max_size=3) | st.binary(max_size=3)
tags = st.sampled_from([*"ltdasThfi", "x", "", "aa"])
array_parts = st.tuples(st.sampled_from([*DTYPES, "object", "U8", "complex128", "", "f8"]), st.lists(lengths), lengths)
trees = st.recursive(
    odd | array_parts.map(lambda parts: ["a", *parts]) | array_parts.map(lambda parts: ["T", *parts, True, None]),
    lambda inner: (
        st.tuples(tags, st.lists(inner, max_size=5)).map(lambda pair: [pair[0], *pair[1]])
        | st.tuples(tags, st.lists(inner, max_size=5)).map(list)
        | st.lists(st.tuples(inner, inner).map(list), max_size=3).map(lambda pairs: ["d", pairs])
        | st.dictionaries(st.text(max_size=2), inner, max_size=3)
    ),
    max_leaves=15,
)


@MANY
@given(trees, st.binary(max_size=64))
@example(["a", "float64", [2**40, 0], 0], b"")
@example(["a", "float64", [2**26, 2**26, 0], 0], b"")
@example(["a", "uint8", [2**26] * 16 + [0], 0], b"")
@example(["a", "uint8", [0] * 17, 0], b"")
@example(["a", "bool", [2], 62], bytes(64))
@example(["a", "float64", [8], 1], bytes(64))
@example(["a", "float64", [True], 0], bytes(64))
@example(["s", "float64", [0], 0], bytes(64))
@example(["d", [[["l", []], 1]]], b"")
@example(["i", "9" * 5000], b"")
@example(["i", "०x"], b"")
@example(["T", "float32", [1], 0, True, ["T", "float32", [2], 0, False, None]], bytes(64))
@example(["T", "bool", [1], 0, True, None], bytes(64))
@example(["h", True, "x"], b"")
@example([["l", []], 3], b"")
@example([[], 3], b"")
def test_a_tree_that_no_packer_made_is_refused_without_taking_memory(tree: object, body: bytes) -> None:
    with contextlib.suppress(WireError):
        unpacked(tree, body)


def test_arrays_that_claim_the_same_bytes_again_and_again_are_refused() -> None:
    array = ["a", "uint8", [MAX_BODY // 2], 0]
    with pytest.raises(WireError):
        unpacked(["l", [array] * 50], bytes(MAX_BODY // 2))


def test_bits_beyond_true_and_false_make_no_other_truth_values() -> None:
    got = unpacked(["a", "bool", [3], 0], b"\x00\x01\x02")
    assert got.astype(int).tolist() == [0, 1, 1]


REPLIES = msgspec.msgpack.Decoder(messages.Reply)


@QUICK
@given(st.binary(max_size=200))
@example(b"\x91" * 500_000 + b"\xc0")
@example(b"\xa4\xff\xff\xff\xff")
def test_bytes_that_are_no_message_are_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        wire.decoded(REPLIES, data)


def packed(value: object) -> tuple[bytes, bytes]:
    """Header and body of a reply with this value."""
    packer = Packer(Store())
    reply = messages.Returned(packer.pack(value), [None])
    return msgspec.msgpack.encode(reply), b"".join(packer.buffers)


@MANY
@given(
    values,
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6),
    st.data(),
)
def test_mutated_frames_are_refused_or_read_but_never_break_the_reader(
    value: object, changes: list[tuple[float, int]], data: st.DataObject
) -> None:
    header, body = packed(value)
    mutated = bytearray(header)
    for place, byte in changes:
        mutated[math.floor(place * len(mutated))] = byte
    if data.draw(st.booleans()):
        del mutated[data.draw(st.integers(0, len(mutated) - 1)) :]
    with contextlib.suppress(WireError):
        reply = wire.decoded(REPLIES, mutated)
        if isinstance(reply, messages.Returned):
            unpacker = Unpacker(Store(), memoryview(body))
            for tree in (reply.value, *reply.arguments):
                unpacker.unpack(tree)


def test_a_process_without_torch_reads_no_tensor_and_imports_nothing_for_it() -> None:
    code = """
import sys
from autograder.sandbox.wire import Unpacker, WireError
try:
    Unpacker(None, memoryview(bytes(8))).unpack(["T", "float32", [1], 0, True, None])
except WireError:
    sys.exit(3 if "torch" in sys.modules else 0)
sys.exit(4)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
