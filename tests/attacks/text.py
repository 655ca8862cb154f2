"""Text that would clear a terminal, name its window, or run in a browser that believes it."""

from __future__ import annotations

from attacks.table import SIGNATURE, TARGET, Attack

HOSTILE = "\x1b[2J\x1b]0;title\x07\x9b31m\u202e\x00<script>alert(1)</script><img src=x onerror=alert(1)>"
"""Clears a terminal, names its window, turns the reading direction round, and runs in a browser that believes it."""


def _function(code: str) -> str:
    return f"{SIGNATURE}    {code}\n"


HOSTILE_ANSWERS = {
    "printed": f"def gradient_descent(*_): return 1\nprint({HOSTILE!r})\nimport sys; sys.stderr.write({HOSTILE!r})",
    "raised_by_the_cell": f"raise ValueError({HOSTILE!r})",
    "raised_by_the_function": _function(f"raise ValueError({HOSTILE!r} * 1000)"),
    "an_exceptions_name": _function(f"raise type({HOSTILE.replace(chr(0), '')!r}, (Exception,), {{}})('x')"),
    "returned_as_text": _function(f"return {HOSTILE!r}, {HOSTILE!r}, {HOSTILE!r}"),
    "returned_as_keys": _function(f"return {{{HOSTILE!r}: 1}}, {{{HOSTILE!r}: 1}}, {{{HOSTILE!r}: 1}}"),
    "returned_as_a_types_name": _function(f"return (type({HOSTILE.replace(chr(0), '')!r}, (), {{}})(),) * 3"),
    "displayed": f"""
class Page:
    def _repr_html_(self): return {HOSTILE!r}
    def _repr_svg_(self): return {HOSTILE!r}
    def _repr_png_(self): return {HOSTILE!r}.encode()
    def _repr_javascript_(self): return {HOSTILE!r}
    def __repr__(self): return {HOSTILE!r}
display(Page())
Page()
""",
    "displayed_as_a_picture": """
class Picture:
    def _repr_png_(self): return 'iVBORw0KGgo="><script>alert(1)</script>'
    def _repr_jpeg_(self): return "/9j/'><script>alert(1)</script>"
display(Picture())
def gradient_descent(*_): return 1
""",
}

# What stands in the written answer, which feedback pages and formgrader show as Markdown.
WRITTEN = {
    "html": HOSTILE,
    "links": "[a](javascript:alert(1)) [b] <javascript:alert(3)> ![c](data:text/html,x)\n\n[b]: &#106;avascript:alert(2)",
    "svg": "<svg onload=alert(1)><script>alert(1)</script></svg> ![x](data:image/svg+xml;base64,PHN2Zz4=)",
    "latex": r"$$\href{javascript:alert(1)}{x} \unicode{x<script>alert(1)</script>} \def\x{\x\x}\x \htmlData{a=b}{c}$$",
    "template": "{{ resources }} {% include '/etc/passwd' %} {{ ''.__class__.__mro__ }}",
    "nested_quotes": ">" * 20_000 + "x",
    "nested_brackets": "[" * 20_000 + "](",
    "nested_emphasis": "*_" * 20_000,
}

ATTACKS = {
    **{
        name: Attack(f"hostile text {name.replace('_', ' ')}", {TARGET: source}, unearned=frozenset({TARGET}))
        for name, source in HOSTILE_ANSWERS.items()
    },
    **{f"written_{name}": Attack(f"{name} in a written answer", {"essay": text}) for name, text in WRITTEN.items()},
    "own_markdown_file_name": Attack(
        "an exception from a file whose name is an escape sequence",
        {TARGET: f"exec(compile('raise ValueError(1)', {HOSTILE.replace(chr(0), '')!r}, 'exec'))"},
        unearned=frozenset({TARGET}),
    ),
}
