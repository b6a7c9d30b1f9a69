"""YAML with places: what it reads, what it refuses, and that nothing makes it raise."""

from hypothesis import given
from hypothesis import strategies as st

from analyzer.formats.yaml_file import MAX_BYTES, FileProblem, read
from analyzer.formats.yaml_tree import MAX_NODES


def _problem(text: bytes) -> FileProblem:
    _, problems = read(text, "t.yaml")
    assert problems
    return problems[0]


def test_every_value_and_key_has_its_place() -> None:
    root, problems = read(b"a:\n  - 1\n  - {b: x}\n", "t.yaml")
    assert not problems
    assert root is not None
    assert root.plain() == {"a": [1, {"b": "x"}]}
    assert root.keys == {"a": (1, 1)}
    inner = root.value["a"].value[1]
    assert (inner.line, inner.column) == (3, 5)
    assert inner.keys["b"] == (3, 6)


def test_scalars_are_those_of_yaml_1_2() -> None:
    root, _ = read(b"[yes, no, true, null, 0x10, 1.5, '7']", "t.yaml")
    assert root is not None
    assert root.plain() == ["yes", "no", True, None, 16, 1.5, "7"]
    assert root.value[6].quoted


def test_problems_are_shown_as_compilers_show_them() -> None:
    assert str(FileProblem("t.yaml", 3, 5, "no")) == "t.yaml:3:5: no"


def test_duplicate_keys_are_named_where_they_repeat() -> None:
    problem = _problem(b"a: 1\nb: 2\na: 3\n")
    assert (problem.line, problem.column) == (3, 1)
    assert "'a'" in problem.message


def test_what_is_refused() -> None:
    assert "aliases" in _problem(b"a: &x [1]\nb: *x\n").message
    assert "deep" in _problem(b"[" * 40 + b"]" * 40).message
    assert "larger" in _problem(b"#" * (MAX_BYTES + 1)).message
    assert "parts" in _problem(b"[" + b"1," * (MAX_NODES + 1) + b"]").message
    assert "UTF-8" in _problem(b"\xff\xfe").message
    assert "empty" in _problem(b"").message
    assert _problem(b"a: [1\nb: 2").line == 2


@given(st.binary(max_size=200) | st.text("a:-[]{}&*!|>'\"\n #%", max_size=80).map(str.encode))
def test_any_bytes_give_a_node_or_problems(data: bytes) -> None:
    root, problems = read(data, "t.yaml")
    assert root is not None or problems


def test_a_character_in_two_escapes_is_one_and_half_of_one_a_problem() -> None:
    """RFC 8259 7: JSON, which is YAML, writes characters beyond the basic plane as a pair."""
    root, problems = read(rb'{"\ud83d\ude00": "\ud83d\ude00"}', "x.yaml")
    assert root is not None
    assert (root.plain(), problems) == ({"\U0001f600": "\U0001f600"}, [])
    for text in (rb'a: "\ud83d"', rb'"\ud83d": 1'):
        assert str(next(iter(read(text, "x.yaml")[1]))).startswith("x.yaml:1:")
