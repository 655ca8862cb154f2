"""Values as data between the trusted side and a worker: no pickle, no code, nothing evaluated.

A frame is two little-endian lengths (header, body), a msgpack header and a raw body. The header holds the
message; arrays in it are only (dtype, shape, offset) and their bytes lie in the body. Everything is checked
before it is used, on both sides, because one of them is not trusted.
"""

from __future__ import annotations

import math
import struct
import sys
from typing import Any, Protocol, TypeVar

import msgspec
import numpy as np

MAX_HEADER = 1 << 20
"""Largest header, in bytes."""
MAX_BODY = 64 << 20
"""Largest body, in bytes."""
MAX_DEPTH = 32
MAX_NODES = 100_000
MAX_INT_DIGITS = 400

T = TypeVar("T")

PREFIX = struct.Struct("<II")
_JOINED = 64 << 10
"""Bytes of arrays up to which a frame is sent in one piece."""

_DTYPES = {
    name: np.dtype(name)
    for name in (
        *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
        *("float16", "float32", "float64"),
    )
}
_NAMES = {
    **{dtype: name for name, dtype in _DTYPES.items()},
    **{dtype.newbyteorder(">"): name for name, dtype in _DTYPES.items()},
}
"""The names of the dtypes that can be sent: to ask NumPy for each array's would take longer than to send it."""
_TORCH_ONLY = {"bfloat16": "float32"}
_AS_IS = frozenset({type(None), bool, float, str})


class WireError(Exception):
    """A frame that breaks the protocol: too large, of an unknown shape, or inconsistent with itself."""


class Handle(msgspec.Struct, frozen=True):
    """Stands for an object that stays where it is (a model, a loader, whatever a student returned)."""

    id: int
    type: str


class Function(msgspec.Struct, frozen=True):
    """Stands for a function of the trusted side that a worker may call back."""

    id: int


class Keeper(Protocol):
    """One side's store of what can't be sent and is only referred to."""

    def keep(self, value: object) -> Handle | Function:
        """Store `value` and return what refers to it; raises WireError where that is not allowed."""

    def find(self, reference: Handle | Function) -> object:
        """Return what `reference` refers to; raises WireError where there is no such thing."""


def _torch() -> Any:
    """torch where this process has it already: a value can only be a tensor if it does."""
    return sys.modules.get("torch")


class Packer:
    """Turns values into a tree that msgpack can write, and collects the bytes of their arrays."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._nodes = 0
        self._size = 0
        self.buffers: list[memoryview] = []

    def pack(self, value: object, depth: int = 0) -> object:
        """Return the tree for `value`. Whatever is not data becomes a handle; a function is offered.

        Raises:
            WireError: deeper, or with more parts, than the protocol allows.
        """
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            raise WireError("a value with too many parts, or nested too deeply, to be sent")
        kind = type(value)
        if kind in _AS_IS:
            return value
        if kind is int:
            return self._pack_int(int(value))  # type: ignore[call-overload]
        if isinstance(value, Handle):
            return ["h", value.id, value.type]
        if isinstance(value, dict):
            return ["d", [[self._pack_key(k, depth + 1), self.pack(v, depth + 1)] for k, v in value.items()]]
        if isinstance(value, (list, tuple)):
            return ["t" if isinstance(value, tuple) else "l", [self.pack(item, depth + 1) for item in value]]
        if isinstance(value, (np.generic, np.ndarray)) and value.dtype in _NAMES:
            return ["s" if isinstance(value, np.generic) else "a", *self._pack_array(np.asarray(value))]
        torch = _torch()
        if torch is not None and isinstance(value, torch.Tensor):
            return self._pack_tensor(value, depth)
        return self._refer(value)

    def _pack_key(self, key: object, depth: int) -> object:
        if not _is_key(key):
            raise WireError(f"a dictionary with a key of type {type(key).__name__} can't be sent")
        return self.pack(key, depth)

    def _refer(self, value: object) -> object:
        reference = self._keeper.keep(value)
        return ["h", reference.id, reference.type] if isinstance(reference, Handle) else ["f", reference.id]

    def _pack_int(self, value: int) -> object:
        if -(2**63) <= value < 2**63:
            return value
        if value.bit_length() > 3 * MAX_INT_DIGITS:
            raise WireError("an integer too large to be sent")
        return ["i", str(value)]

    def _pack_array(self, array: np.ndarray[Any, Any]) -> list[object]:
        # ascontiguousarray turns a 0-d array into one of shape (1,), so the shape is taken first.
        shape = list(array.shape)
        array = np.ascontiguousarray(array)
        if array.dtype.byteorder == ">":
            array = array.astype(array.dtype.newbyteorder("<"))
        offset = self._size
        self._size += array.nbytes
        if self._size > MAX_BODY:
            raise WireError(f"more than {MAX_BODY >> 20} MiB of numbers in one message")
        self.buffers.append(array.data.cast("B") if array.nbytes else memoryview(b""))
        return [_NAMES[array.dtype], shape, offset]

    def _pack_tensor(self, tensor: Any, depth: int) -> object:
        name = str(tensor.dtype).removeprefix("torch.")
        plain = tensor.detach()
        if name in _TORCH_ONLY:
            plain = plain.to(getattr(_torch(), _TORCH_ONLY[name]))
            name = _TORCH_ONLY[name]
        if name not in _DTYPES or tensor.layout is not _torch().strided:
            return self._refer(tensor)
        grad = tensor.grad if tensor.is_leaf else None
        packed_grad = None if grad is None else self.pack(grad.detach(), depth + 1)
        return ["T", *self._pack_array(plain.cpu().numpy()), bool(tensor.requires_grad), packed_grad]


class Unpacker:
    """Turns a tree and its body back into values, trusting neither."""

    def __init__(self, keeper: Keeper, body: memoryview) -> None:
        self._keeper = keeper
        self._body = body
        self._nodes = 0
        self._size = 0

    def unpack(self, tree: object, depth: int = 0) -> Any:
        """Return the value that `tree` describes; arrays are fresh, writable copies.

        Raises:
            WireError: the tree is not one that a Packer makes.
        """
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            raise WireError("a value with too many parts, or nested too deeply")
        kind = type(tree)
        if kind in _AS_IS or kind is int:
            return tree
        if not isinstance(tree, list) or not tree:
            raise WireError("a value of no known kind")
        try:
            return self._unpack_tagged(tree[0], tree[1:], depth)
        except (TypeError, ValueError, KeyError) as error:
            raise WireError(f"a value that contradicts itself: {type(error).__name__}") from None

    def _unpack_tagged(self, tag: object, rest: list[Any], depth: int) -> Any:
        if tag in ("l", "t"):
            (items,) = rest
            values = [self.unpack(item, depth + 1) for item in _list(items)]
            return values if tag == "l" else tuple(values)
        if tag == "d":
            (pairs,) = rest
            return {self._key(k, depth): self.unpack(v, depth + 1) for k, v in _list(pairs)}
        if tag == "a":
            return self._array(*rest)
        if tag == "s":
            array = self._array(*rest)
            if array.shape != ():
                raise WireError("a scalar with a shape")
            return array[()]
        if tag == "T":
            return self._tensor(rest, depth)
        if tag == "h":
            identifier, name = rest
            if type(identifier) is not int or not isinstance(name, str):
                raise WireError("a handle of no known kind")
            return self._keeper.find(Handle(identifier, name))
        if tag == "f":
            (identifier,) = rest
            if type(identifier) is not int:
                raise WireError("a function of no known kind")
            return self._keeper.find(Function(identifier))
        if tag == "i":
            (text,) = rest
            if not isinstance(text, str) or len(text) > MAX_INT_DIGITS + 1:
                raise WireError("an integer of no known kind")
            return int(text)
        raise WireError("a value of no known kind")

    def _key(self, tree: object, depth: int) -> Any:
        key = self.unpack(tree, depth + 1)
        if not _is_key(key):
            raise WireError("a dictionary key that is not plain data")
        return key

    def _array(self, name: object, shape: object, offset: object) -> np.ndarray[Any, Any]:
        if type(name) is not str or name not in _DTYPES or type(offset) is not int:
            raise WireError("an array of no known kind")
        if not isinstance(shape, list) or len(shape) > 16:
            raise WireError("an array of no known kind")
        if not all(type(length) is int and 0 <= length <= MAX_BODY for length in shape):
            raise WireError("an array with an impossible shape")
        dtype = _DTYPES[name]
        count = math.prod(shape)
        size = count * dtype.itemsize
        if offset < 0 or offset + size > len(self._body):
            raise WireError("an array beyond the end of its frame")
        # Arrays may claim the same bytes again and again; what comes of them has to fit into a frame all the same.
        self._size += size
        if self._size > MAX_BODY:
            raise WireError("arrays of more bytes than a frame can hold")
        # A shape like (2**26, 0) holds nothing, but numpy multiplies its other lengths all the same.
        if count == 0:
            return np.zeros(shape, dtype) if math.prod(n for n in shape if n) <= MAX_BODY else _refuse_shape()
        return np.frombuffer(self._body, dtype, count, offset).reshape(shape).copy()

    def _tensor(self, rest: list[Any], depth: int) -> Any:
        name, shape, offset, requires_grad, grad = rest
        torch = _torch()
        if torch is None:
            raise WireError("a tensor where there is no torch")
        tensor = torch.from_numpy(self._array(name, shape, offset))
        if requires_grad is True and tensor.is_floating_point():
            tensor.requires_grad_(True)
        if grad is not None:
            value = self.unpack(grad, depth + 1)
            if not isinstance(value, torch.Tensor) or value.shape != tensor.shape or value.dtype != tensor.dtype:
                raise WireError("a gradient that does not fit its tensor")
            tensor.grad = value
        return tensor


def _is_key(value: object) -> bool:
    """Whether `value` may be a dictionary's key: nothing of which thousands could be made to share one hash."""
    if type(value) is int:
        return -(2**63) <= value < 2**64
    return value is None or type(value) in (str, float, bool)


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise WireError("a list was expected")
    return value


def _refuse_shape() -> Any:
    raise WireError("an array with an impossible shape")


def decoded(decoder: msgspec.msgpack.Decoder[T], data: bytes | bytearray | memoryview) -> T:
    """`data` as `decoder` reads it.

    Raises:
        WireError: it can't.
    """
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"a message that can't be read: {str(error)[:200]}") from None


def frame(header: bytes, buffers: list[memoryview]) -> list[bytes | memoryview]:
    """The pieces of one frame, in order, ready to be sent.

    Raises:
        WireError: the header is larger than MAX_HEADER.
    """
    if len(header) > MAX_HEADER:
        raise WireError(f"a message of more than {MAX_HEADER >> 10} KiB besides its arrays")
    size = sum(len(buffer) for buffer in buffers)
    pieces: list[bytes | memoryview] = [PREFIX.pack(len(header), size), header, *buffers]
    # Each piece that is sent wakes the other side up.
    return [b"".join(pieces)] if size <= _JOINED else pieces


def lengths(prefix: bytes | bytearray) -> tuple[int, int]:
    """Header and body length out of a frame's prefix.

    Raises:
        WireError: one of them is larger than the protocol allows.
    """
    header, body = PREFIX.unpack(prefix)
    if header > MAX_HEADER or body > MAX_BODY:
        raise WireError("a frame larger than the protocol allows")
    return header, body
