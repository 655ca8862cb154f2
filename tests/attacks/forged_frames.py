"""What a submission writes into its socket by itself: nothing that it says so is believed."""

from __future__ import annotations

import textwrap
from dataclasses import replace

from attacks.table import Attack, after_all, in_function

FORGE = """
import os, stat, struct, sys

def sockets():
    for fd in range(64):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                yield fd
        except OSError:
            pass

def send(data):
    for fd in sockets():
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view):]

def frame(header, body=b''):
    return struct.pack('<II', len(header), len(body)) + header + body

def text(value):
    return b'\\xdb' + struct.pack('>I', len(value)) + value

def returned(value, arguments=b'\\x90'):
    return b'\\x83' + b''.join([text(b'type'), text(b'returned'), text(b'value'), value, text(b'arguments'), arguments])
"""

# What the function writes into every socket that it finds.
FORGERIES = {
    "huge_lengths": "send(struct.pack('<II', 2**32 - 1, 2**32 - 1))",
    "long_body_that_never_comes": "send(struct.pack('<II', 10, 64 << 20) + b'x' * 10)",
    "garbage": "send(os.urandom(1 << 16))",
    "empty_frames": "send(bytes(8) * 1000)",
    "nonsense_result": "send(frame(returned(b'\\xa4true')))",
    "true_results": "[send(frame(returned(b'\\xc3'))) for _ in range(50)]",
    "handle_with_a_long_name": "send(frame(returned(b'\\x93\\xa1h\\x01' + text(b'\\x1b[2J' * 100_000))))",
    "nested_deeply": "send(frame(returned(b'\\x91' * 900_000 + b'\\xc0')))",
    "map_with_lists_as_keys": "send(frame(returned(b'\\x81\\x91\\x01\\x02')))",
    "array_of_2e40_by_nothing": """
        shape = b'\\x92\\xcf' + (2**40).to_bytes(8, 'big') + b'\\x00'
        send(frame(returned(b'\\x94\\xa1a\\xa7float64' + shape + b'\\x00')))
        """,
    "same_bytes_a_thousand_times": """
        array = b'\\x94\\xa1a\\xa5uint8\\x91' + b'\\xce' + (60 << 20).to_bytes(4, 'big') + b'\\x00'
        send(frame(returned(b'\\x92\\xa1l\\xdc' + (1000).to_bytes(2, 'big') + array * 1000), bytes(60 << 20)))
        """,
    "numbers_that_share_a_hash": """
        key = lambda k: b'\\x92\\x92\\xa1i' + text(str(k * (2**61 - 1)).encode()) + b'\\x00'
        pairs = b''.join(key(k) for k in range(2**10, 2**10 + 25_000))
        send(frame(returned(b'\\x92\\xa1d\\xdc' + (25_000).to_bytes(2, 'big') + pairs)))
        """,
    "exception_of_a_megabyte": """
        raised = [b'type', b'raised', b'kind', b'E' * 300_000, b'where', b'x' * 300_000]
        raised += [b'message', b'\\x1b[2J' * 50_000]
        send(frame(b'\\x85' + b''.join(map(text, raised)) + text(b'no_memory') + b'\\xc2'))
        """,
    "call_back_that_was_not_offered": """
        send(frame(b'\\x83' + b''.join([text(b'type'), text(b'back'), text(b'function'), b'\\x00',
                                        text(b'arguments'), b'\\x90'])))
        """,
    "cell_that_ran": "send(frame(b'\\x82' + text(b'type') + text(b'ran') + text(b'error') + b'\\xc0', b'\\x90'))",
}

# What a cell after the last test writes: nothing waits for it but the end of the notebook.
LAST_CELLS = {
    "nested_deeply": "send(frame(returned(b'\\x91' * 900_000 + b'\\xc0')))",
    "outputs_that_grow_when_decoded": """
        send(frame(b'\\x82' + text(b'type') + text(b'ran') + text(b'error') + b'\\xc0',
                   b'\\xdd' + (60 << 20).to_bytes(4, 'big') + b'\\x80' * (60 << 20)))
        """,
    "outputs_of_odd_types": """
        send(frame(b'\\x82' + text(b'type') + text(b'ran') + text(b'error') + b'\\xc0',
                   b'\\x91\\x82' + text(b'output_type') + b'\\x07' + text(b'text') + b'\\x90'))
        """,
    "error_of_a_megabyte": """
        send(frame(b'\\x82' + text(b'type') + text(b'ran') + text(b'error') + text(b'\\x1b' * 1_000_000), b'\\x90'))
        """,
    "call_back": """
        send(frame(b'\\x83' + b''.join([text(b'type'), text(b'back'), text(b'function'), b'\\x00',
                                        text(b'arguments'), b'\\x90'])))
        """,
    "exit": "os._exit(0)",
}


def _forged(name: str, code: str) -> Attack:
    code = f"{FORGE}\n{textwrap.dedent(code).strip()}\nreturn w0 + 1, b0, []"
    attack = in_function(f"forges a frame: {name.replace('_', ' ')}", code, set())
    return replace(attack, may_lose=frozenset({"numerical_gradient"}))


ATTACKS = {
    **{name: _forged(name, code) for name, code in FORGERIES.items()},
    **{
        f"at_the_end_{name}": after_all(f"forges at the end: {name.replace('_', ' ')}", code, FORGE)
        for name, code in LAST_CELLS.items()
    },
}
