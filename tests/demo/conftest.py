"""Which demonstration do most tests read?"""

import pytest

from tests.demo.reading import NOW, Demo, written


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The demonstration on a Thursday in November, drawn with the usual seed."""
    return written(tmp_path_factory.mktemp("demo"), "--now", NOW)
