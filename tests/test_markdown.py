"""What a student writes in Markdown, on the pages that formgrader shows to an instructor."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

import pytest
from conftest import cell, notebook_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nbconvert.exporters import HTMLExporter
from nbgrader.server_extensions.formgrader import handlers
from traitlets.config import Config

from autograder.course import Assignment
from autograder.nbgrader.documents import MAX_FORMATTED as MAX_FORMATTED_IN_ALL
from autograder.nbgrader.documents import as_notebook
from autograder.nbgrader.markdown import MAX_FORMATTED, harmless
from autograder.submission import parse_submission
from autograder.text import MAX_SHOWN, as_typed

PNG = "iVBORw0KGgo="
ATTACHED = {"plot.png": {"image/png": PNG}}


class Page(HTMLParser):
    """A page as a browser reads it: tags, where they lead, and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.destinations: list[str] = []
        self.events: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if ("class", "anchor-link") in attributes:  # nbconvert's own, beside a heading
            return
        self.destinations += [value or "" for name, value in attributes if name in ("href", "src")]
        self.events += [name for name, _ in attributes if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data


class Formgrader:
    """Shows Markdown as formgrader does, with its own exporter and template."""

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        config = Config()
        config.HTMLExporter.template_name = "formgrade"
        config.HTMLExporter.extra_template_basedirs = [handlers.template_path]
        self._exporter = HTMLExporter(config=config)

    def __call__(self, *texts: str) -> Page:
        """The part of the page with the student's Markdown cells, of which the first is a written answer."""
        cells = [cell(text, None if place else "essay", "markdown") for place, text in enumerate(texts)]
        cells[0]["attachments"] = ATTACHED
        notebook = as_notebook(parse_submission(notebook_of(cells), self._assignment))
        notebook.cells = [shown for shown in notebook.cells if shown.cell_type == "markdown"]
        assert len(notebook.cells) == len(texts)
        names = ("assignment_id", "notebook_id", "submission_id", "base_url", "student", "last_name", "first_name")
        resources = dict.fromkeys((*names, "notebook_path"), "x") | {"index": 0, "total": 1}
        html, _ = self._exporter.from_notebook_node(notebook, resources=resources)
        return Page("\n".join(re.findall(r'rendered_html">(.*?)</div>\s*</div></div>', html, re.DOTALL)))


@pytest.fixture(scope="module")
def formgrader(assignment: Assignment) -> Formgrader:
    return Formgrader(assignment)


def allowed(destination: str) -> bool:
    return bool(re.match(r"https?://|attachment:", destination)) or destination == f"data:image/png;base64,{PNG}"


HOSTILE = [
    "[sources](javascript:alert(1))",
    "[sources](JaVaScRiPt:alert(1))",
    "[sources](java\tscript:alert(1))",
    "[sources](java\nscript:alert(1))",
    "[sources](java\x00script:alert(1))",
    "[sources](\x01javascript:alert(1))",
    "[sources](<java\tscript:alert(1)>)",
    "[sources](&#106;avascript:alert(1))",
    "[sources](&#x6A;avascript&colon;alert(1))",
    "[sources](java&Tab;script:alert(1))",
    "[sources](java&NewLine;script:alert(1))",
    "[sources](\\javascript:alert(1))",
    "[sources](javascript\\:alert(1))",
    "[sources]( <javascript:alert(1)> 'title')",
    "[sources](vbscript:msgbox(1))",
    "[sources](data:text/html;base64,PHNjcmlwdD4=)",
    "[sources](file:///etc/passwd)",
    "[sources](../../formgrader/delete)",
    "[sources](//elsewhere.example/)",
    "[sources](/formgrader/gradebook)",
    "[sources](https:javascript)",
    "[sources][1]\n\n[1]: javascript:alert(1)",
    "[sources][]\n\n[sources]: <javascript:alert(1)> 'title'",
    "[sources]\n\n[sources]:\n  javascript:alert(1)",
    "> [sources]\n>\n> [sources]: data:text/html,x",
    "<javascript:alert(1)>",
    "<data:text/html,x>",
    "![picture](javascript:alert(1))",
    "![picture](data:image/svg+xml;base64,PHN2Zz4=)",
    "[![picture](https://web.example/a.png)](javascript:alert(1))",
    "| a |\n| - |\n| [sources](javascript:alert(1)) |",
    "1. [sources](javascript:alert(1))\n   - [more](vbscript:x)",
    "# [sources](javascript:alert(1))",
    "**[sources](javascript:alert(1))**",
    '<a href="javascript:alert(1)">sources</a>',
    "<a\nhref=javascript:alert(1)>sources</a>",
    "<img src=x onerror=alert(1)>",
    "<IMG/SRC=x/ONERROR=alert(1)>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<svg/onload=alert(1)>",
    "<script>alert(1)</script>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<form action=javascript:alert(1)><button>send",
    "<?php <img src=x onerror=alert(1)> ?>",
    "<![CDATA[<img src=x onerror=alert(1)>]]>",
    "```mermaid\n</pre><img src=x onerror=alert(1)>\n```",
    "~~~ mermaid\n</pre><script>alert(1)</script>\n~~~",
    "$$x$$<img src=x onerror=alert(1)>",
    "\\begin{a}<img src=x onerror=alert(1)>\\end{a}",
]


@pytest.mark.parametrize("answer", HOSTILE)
def test_attack_links_and_html_in_a_written_answer_lead_nowhere(formgrader: Formgrader, answer: str) -> None:
    before = f"See **this**: {answer}"
    for text in (answer, before, f"- {answer}", f"{answer}\n\n{answer}"):
        page = formgrader(text)
        assert all(map(allowed, page.destinations)), (text, page.destinations)
        assert not page.events
        assert not {"script", "iframe", "form", "svg", "button"} & set(page.tags)


@pytest.mark.parametrize("command", ["\\href{javascript:alert(1)}{x}", "\\href {data:text/html,x}{x}"])
def test_attack_a_link_in_a_formula_is_no_formula(formgrader: Formgrader, command: str) -> None:
    for text in (f"${command}$", f"$$\n{command}\n$$", f"\\begin{{align}}{command}\\end{{align}}"):
        assert "&#92;href" in harmless(text, {})
        assert command in unescape(unescape(formgrader(text).text))


KEPT = [
    "The loss falls: $w \\leftarrow w - \\eta \\nabla L$, and **why** is in [the paper](https://arxiv.org/abs/1412.6980).",
    "a < b, and `if a<b: print('<b>')`\n\n```python\nx = '<script>'\n```\n",
    "[1] see [here][1]\n\n[1]: http://web.example/a_(b)?c=d&e=f#g 'title'",
    "![my plot](attachment:plot.png) shows it\n\n| a | b |\n| - | -: |\n| 1 | *2* |",
    "# Answer\n\n1. one\n   - two\n\n> quoted, https://web.example\n\n$$\\frac{\\partial L}{\\partial w}$$",
    "",
]


@pytest.mark.parametrize("answer", KEPT)
def test_an_honest_answer_stays_as_it_was_written(answer: str) -> None:
    assert harmless(answer, ATTACHED) == answer


def test_links_to_the_web_and_attached_pictures_are_shown(formgrader: Formgrader) -> None:
    page = formgrader("[web](https://web.example/a) ![plot](attachment:plot.png)")
    assert page.destinations == ["https://web.example/a", f"data:image/png;base64,{PNG}"]


def test_what_leads_elsewhere_can_be_read_and_the_rest_keeps_its_form(formgrader: Formgrader) -> None:
    page = formgrader("**Bold** and [plot](plot.png), [web](https://web.example/a), x <b>y</b>")
    assert page.text.strip() == "Bold and [plot](plot.png), web, x <b>y</b>"
    assert "strong" in page.tags
    assert page.destinations == ["https://web.example/a"]


def test_an_attachment_that_is_missing_does_not_break_formgrader_s_page(formgrader: Formgrader) -> None:
    assert "![plot](attachment:other.png)" in formgrader("![plot](attachment:other.png)").text


def test_a_text_that_is_too_long_to_be_formatted_is_shown_as_it_was_typed(formgrader: Formgrader) -> None:
    assert "**b**" in formgrader("**b** " + "a" * MAX_FORMATTED).text
    shown = as_typed("*" * 2 * MAX_SHOWN)
    assert unescape(shown).count("*") == MAX_SHOWN
    assert shown.endswith("handed in.")
    cells = ["*a* " * 2400 for _ in range(MAX_FORMATTED_IN_ALL // 9600 + 1)] + ["*last*"]
    assert "*last*" not in formgrader(*cells[1:]).text
    assert "*last*" in formgrader(*cells).text


PIECES = (
    *(
        "[",
        "]",
        "(",
        ")",
        "<",
        ">",
        "!",
        ":",
        "`",
        "$",
        "\\",
        "*",
        "_",
        "#",
        "|",
        "~",
        "-",
        "=",
        "&",
        ";",
        '"',
        " ",
        "\n",
    ),
    *(
        "javascript:",
        "data:",
        "](",
        "]:",
        "[x]",
        "http://a.b",
        "attachment:plot.png",
        "<a href=",
        "&#106;",
        "<!--",
        "-->",
    ),
    *("```", "mermaid", "$$", "\\\\[", "\\begin{a}", "\\end{a}", "x", "    ", "> ", "\t", "\x0b", "\u2028"),
)


@settings(deadline=None, max_examples=400, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_whatever_is_typed_leads_nowhere_else(answer: str) -> None:
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    for text in (harmless(answer, ATTACHED), as_typed(answer)):
        html = MarkdownWithMath(renderer=IPythonRenderer(escape=False, attachments=ATTACHED)).render(text)
        page = Page(html)
        assert all(map(allowed, page.destinations)), (text, page.destinations)
        assert not {"script", "mermaid"} & set(page.tags)
    assert re.sub(r"\s", "", unescape(as_typed(answer))) == re.sub(r"\s", "", answer)
