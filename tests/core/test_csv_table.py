"""Tables as people save them, and cells that no spreadsheet runs."""

import pytest

from core.csv_table import TableError, decode_table, harmless, read_table, table_text


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,x y\n",
        "a;b\r\n1;x y\r\n",
        "a\tb\r1\tx y\r",
        "sep=;\r\na;b\r\n1;x y\r\n",
        '"sep=|"\na|b\n1|x y\n',
        '\n a , b \n"1", "x y"\n\n',
    ],
)
def test_rows_are_read_whatever_parts_them(text: str) -> None:
    rows = read_table(text)
    assert [row.cells for row in rows] == [("a", "b"), ("1", "x y")]


def test_lines_count_as_an_editor_has_them_and_rows_as_a_spreadsheet_has_them() -> None:
    rows = read_table('sep=,\na,b\n\n"1\n2",3\n4,5\n')
    assert [(row.line, row.number) for row in rows] == [(2, 1), (5, 3), (6, 4)]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('a,b\n1,"2\n3,4\n', "line 2, column 3"),
        ('sep=;\na;b\n1;"2\n', "line 3, column 3"),
        ('a,"b""c"\n1,"x"y\n', "line 2, column 3"),
        ('a,"b\n\n', "line 1, column 3"),
    ],
)
def test_an_open_quote_is_told_by_its_place(text: str, place: str) -> None:
    with pytest.raises(TableError, match=f"^has a quote in {place} that is not closed$"):
        read_table(text)


def test_encodings() -> None:
    assert decode_table("é".encode("utf-8-sig")) == decode_table("é".encode("utf-16")) == "é"
    with pytest.raises(TableError, match=r"^is not UTF-8 text \(line 2, byte 2\)"):
        decode_table(b"a\n\xe9\n")


def test_cells_that_begin_like_formulas_are_made_harmless() -> None:
    formulas = ["=1+1", "+SUM(A1)", "-2+3", "@cmd", "\t=1", "\r=1"]
    assert [harmless(cell) for cell in formulas] == [f"'{cell}" for cell in formulas]
    plain = ["-0.5", "+3", "-1e-9", "a=b", "", -0.5, None, 3]
    assert [harmless(cell) for cell in plain] == plain
    assert table_text([["part", "x"], ["=1", -2.5]]) == "part,x\n'=1,-2.5\n"
