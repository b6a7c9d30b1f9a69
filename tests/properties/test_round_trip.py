"""What is written by the grammar of an RFC is what is read."""

from typing import Any

import pytest
from hypothesis import given

from tests.properties.harness import LIMITS
from tests.properties.registry import WHOLE
from tests.properties.written_packets import PACKETS
from tests.properties.written_texts import TEXTS, Written

READ = {parser.names[0].removeprefix("analyzer."): parser.read for parser in WHOLE}
WRITTEN = TEXTS | PACKETS


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_written_is_read_back(name: str) -> None:
    strategy: Written = WRITTEN[name][0]

    @given(strategy)
    def run(pair: tuple[bytes, Any]) -> None:
        data, wanted = pair
        assert WRITTEN[name][1](READ[name](data, LIMITS)) == wanted

    run()
