"""Is what the processes say readable?"""

import io

import pytest

from startup.terminal import Terminal, readable


def test_pieces_of_a_line_are_shown_when_it_is_whole() -> None:
    shown = io.StringIO()
    terminal = Terminal(shown)

    terminal.feed("web", b"Goede")
    assert shown.getvalue() == ""
    terminal.feed("web", b"middag\nen")
    terminal.feed("worker", b"ander\n")
    terminal.finish("web")

    assert shown.getvalue() == "web      │ Goedemiddag\nworker   │ ander\nweb      │ en\n"


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("plain words", "plain words"),
        ("{no json", "{no json"),
        ('{"a": 1}', '{"a": 1}'),
        ("[1]", "[1]"),
        ('{"level": "info", "message": "call answered", "call_sid": "CA1"}', "call answered call_sid=CA1"),
        ('{"level": "ERROR", "message": "pop lost", "agent": null}', "ERROR pop lost"),
        ('{"at": "never", "logger": "app", "message": "hello"}', "hello"),
    ],
)
def test_a_structured_log_line_is_shown_as_a_sentence(line: str, read: str) -> None:
    assert readable(line) == read
