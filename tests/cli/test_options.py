import pytest
from typer.testing import CliRunner

from analyzer.cli.main import app


@pytest.mark.parametrize("value", ["inf", "nan", "1e300", "-1", "x"])
def test_a_linger_that_is_no_length_of_time_is_wrong_use(value: str) -> None:
    assert CliRunner().invoke(app, ["analyze", "no-such.pcap", "--linger", value]).exit_code == 2
