"""Broken files and rows, each broken in a way of its own, and what becomes of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass

from retail_pipeline.source.columns import NAMES
from retail_pipeline_tests.integration.load.files import row


@dataclass(frozen=True)
class Case:
    """A way to break a file.

    `make` gets the text of the header, of a good row, of the row to break and of another good row, and gives the file.
    A file that is refused says `refused`; otherwise `rules` are those of the row that is set aside (none where the
    file is good after all), and `loaded` rows load.
    """

    name: str
    make: Callable[[str, str, str, str], bytes]
    refused: str = ""
    rules: tuple[str, ...] = ()
    loaded: int = 2


def line_of(values: dict[str, str]) -> str:
    """Write one row, without its end."""
    text = io.StringIO()
    csv.DictWriter(text, NAMES, lineterminator="").writerow(values)
    return text.getvalue()


def _lines(*lines: str, end: str = "\r\n") -> bytes:
    return (end.join(lines) + end).encode()


def _row(name: str, column: str, value: str, *rules: str, loaded: int = 2) -> Case:
    """Break one value of the row in the middle."""

    def make(header: str, before: str, broken: str, after: str) -> bytes:
        fields = next(csv.reader([broken]))
        fields[NAMES.index(column)] = value
        text = io.StringIO()
        csv.writer(text, lineterminator="").writerow(fields)
        return _lines(header, before, text.getvalue(), after)

    return Case(name, make, rules=rules, loaded=loaded)


def _line(name: str, change: Callable[[str], str], *rules: str, loaded: int = 2) -> Case:
    """Break the text of the row in the middle."""
    return Case(name, lambda h, a, b, c: _lines(h, a, change(b), c), rules=rules, loaded=loaded)


def _file(name: str, make: Callable[[bytes], bytes], refused: str = "", loaded: int = 3) -> Case:
    """Break a whole file."""
    return Case(name, lambda *lines: make(_lines(*lines)), refused=refused, loaded=0 if refused else loaded)


def _cut(name: str, make: Callable[[bytes], bytes], loaded: int = 2) -> Case:
    """Cut a file within its last line."""
    return Case(name, lambda *lines: make(_lines(*lines)), rules=("cut_short",), loaded=loaded)


def _header(name: str, change: Callable[[str], str], refused: str) -> Case:
    return Case(name, lambda h, a, b, c: _lines(change(h), a, b, c), refused=refused, loaded=0)


def _reordered(header: str, *rows: str) -> bytes:
    return _lines(*(",".join(f'"{field}"' for field in reversed(next(csv.reader([line])))) for line in (header, *rows)))


CORPUS: tuple[Case, ...] = (
    # Files as a whole.
    _file("empty", lambda _: b"", "is empty"),
    _file("white space alone", lambda _: b" \r\n \r\n", "is empty"),
    _file("header alone", lambda data: data.splitlines(keepends=True)[0], "has a header and no rows"),
    _file("header and blank lines", lambda data: data.splitlines(keepends=True)[0] + b"\r\n\r\n", "no rows"),
    _file("UTF-16", lambda data: data.decode().encode("utf-16"), "UTF-16"),
    _file("UTF-16 without a mark", lambda data: data.decode().encode("utf-16-le"), "has zero bytes"),
    _file("Latin-1", lambda data: data.replace(b"Tablet", b"Caf\xe9", 1), "is not UTF-8: byte .* of line 2"),
    _file("over-long encoding", lambda data: data.replace(b"Tablet", b"\xc0\xaf", 1), "is not UTF-8"),
    _file("encoded surrogate", lambda data: data.replace(b"Tablet", b"\xed\xa0\x80", 1), "is not UTF-8"),
    _file("byte order mark", lambda data: b"\xef\xbb\xbf" + data),
    _file("line ends of Linux", lambda data: data.replace(b"\r\n", b"\n")),
    _file("line ends of old Macs", lambda data: data.replace(b"\r\n", b"\r"), "carriage returns alone"),
    _file("mixed line ends", lambda data: data.replace(b"\r\n", b"\n", 2)),
    _file("blanks after the last line", lambda data: data + b"  "),
    _file("blank lines between", lambda data: data.replace(b"\r\n", b"\r\n\r\n")),
    _file("semicolons", lambda data: data.replace(b",", b";"), "separated by semicolons"),
    _file("tabs", lambda data: data.replace(b",", b"\t"), "separated by tabs"),
    _file("workbook", lambda data: b"PK\x03\x04" + data, "a workbook or an archive"),
    _file("compressed", lambda data: b"\x1f\x8b\x08" + data, "is compressed"),
    _file("zero bytes alone", lambda data: b"\0" * len(data), "has zero bytes"),
    _file("web page", lambda _: b"<!doctype html>\n<html><body>Sign in</body></html>\n", "has no header"),
    # Files that end in the middle of a line.
    _cut("no end of the last line", lambda data: data.rstrip()),
    _cut("cut in the last value", lambda data: data.rstrip()[:-1]),
    _cut("cut before the last value", lambda data: data[: data.rindex(b",") + 1]),
    _cut("cut between the marks of the line end", lambda data: data[:-1]),
    _cut("cut between two values", lambda data: data[: data.rindex(b",")]),
    _cut("cut inside quotation marks", lambda data: data[: data.rindex(b', FL"')]),
    _cut("cut in the first value", lambda data: data[: data.rindex(b"\r\n", 0, -2) + 3]),
    _cut("cut in the middle of a character", lambda data: data + "é".encode()[:1], loaded=3),
    _file("no character before a cut", lambda data: data + b"\xff", "is not UTF-8: byte 1 of line 5"),
    _file("cut in the header", lambda data: data[: data.index(b"_demand")], "file ends in this line, so it may be cut"),
    # Headers.
    _header("missing column", lambda header: header.replace("weekday,", ""), "lacks the column 'weekday'"),
    _header("column twice", lambda header: header + ",weekday", "'weekday' more than once"),
    _header("extra column", lambda header: header + ",colour", "unknown column 'colour'"),
    _header("trailing comma", lambda header: header + ",", "unknown column ''"),
    _header("renamed column", lambda header: header.replace("unit_price", "price"), "lacks the column 'unit_price'"),
    _header("capitals", str.upper, "'TRANSACTION_ID' looks like 'transaction_id': it is written with capital letters"),
    _header("no-break space", lambda header: header.replace("weekday", "weekday\u00a0"), "ends with a no-break space"),
    _header(
        "zero-width space", lambda header: header.replace("unit_p", "unit\u200b_p"), "has a zero width space inside"
    ),
    _header("two byte order marks", lambda header: "\ufeff\ufeff" + header, "begins with a zero width no-break space"),
    _header("spaces for underscores", lambda header: header.replace("_", " "), "lacks an underscore"),
    _header("open quotation mark", lambda header: '"' + header, "header .* cannot be read"),
    Case("no header", lambda _, a, b, c: _lines(a, b, c), refused="has no header", loaded=0),
    Case("columns in another order", _reordered, loaded=3),
    # Rows that are no rows.
    _line("short row", lambda line: line.rpartition(",")[0], "wrong_number_of_values"),
    _line("long row", lambda line: line + ",1", "wrong_number_of_values"),
    _line("one word", lambda _: "total", "wrong_number_of_values"),
    _line("commas alone", lambda _: "," * 27, *["blank"] * 28),
    _line("header again", lambda _: ",".join(NAMES), *["not_a_whole_number"] * 3),
    _line("quotation mark never closed", lambda line: line.replace(', FL"', ", FL"), "quotation"),
    _line("quotation mark never opened", lambda line: line.replace('"Miami', "Miami"), "wrong_number_of_values"),
    _line("text after a quotation mark", lambda line: line.replace(', FL"', ', FL"x'), "quotation"),
    _line("comma without quotation marks", lambda line: line.replace('"', ""), "wrong_number_of_values"),
    _line("line break in a value", lambda line: line.replace("Miami, ", "Miami,\n"), "unprintable"),
    _line("carriage return in a value", lambda line: line.replace("Tablet", "Tab\rlet"), "quotation"),
    # Values.
    _row("zero byte", "product_name", "Tab\0let", "unprintable"),
    _row("escape sequence", "product_name", "\x1b[31mTablet", "unprintable"),
    _row("text that turns round", "product_name", "Tab\u202elet", "unprintable"),
    _row("ten million characters", "product_name", "x" * 10_000_000, "too_long"),
    _row("formula", "product_name", '=HYPERLINK("http://example.org")', "formula"),
    _row("command of a spreadsheet", "payment_method", "@SUM(1)", "formula"),
    _row("space after", "payment_method", "Cash ", "padded"),
    _row("space that does not break", "category", "\u00a0", "blank"),
    _row("quotation mark in a word", "product_name", 'TV 55"', loaded=3),
    _row("other script", "product_name", "タブレット", loaded=3),
    _row("word for nothing", "promotion_type", "", "blank"),
    _row("quantity 0", "quantity_sold", "0", "out_of_range"),
    _row("negative quantity", "quantity_sold", "-5", "out_of_range"),
    _row("huge quantity", "quantity_sold", "999999999999", "out_of_range"),
    _row("quantity with a fraction", "quantity_sold", "1.5", "not_a_whole_number"),
    _row("number beyond 64 bits", "transaction_id", "18446744073709551617", "out_of_range"),
    _row("number of 5,000 digits", "transaction_id", "9" * 5_000, "out_of_range"),
    _row("last number of 64 bits", "transaction_id", "9223372036854775807", "out_of_range"),
    _row("number of 33 bits", "customer_id", "4294967297", "out_of_range"),
    _row("hexadecimal number", "customer_id", "0x1F", "not_a_whole_number"),
    _row("number with underscores", "customer_id", "1_000", "not_a_whole_number"),
    _row("exponent", "unit_price", "1.5e2", "not_an_amount"),
    _row("comma for the thousands", "unit_price", "1,234.50", "not_an_amount"),
    _row("comma for the point", "unit_price", "19,95", "not_an_amount"),
    _row("currency", "unit_price", "$19.95", "not_an_amount"),
    _row("three decimals", "unit_price", "19.955", "not_an_amount"),
    _row("not a number", "unit_price", "NaN", "not_an_amount"),
    _row("infinite amount", "customer_income", "Infinity", "not_an_amount"),
    _row("price 0", "unit_price", "0.00", "out_of_range"),
    _row("year first", "transaction_date", "2024-03-31 21:46", "not_a_moment"),
    _row("day first", "transaction_date", "31/3/2024 21:46", "not_a_moment"),
    _row("seconds", "transaction_date", "3/31/2024 21:46:00", "not_a_moment"),
    _row("year 0", "transaction_date", "1/1/0000 0:00", "out_of_range"),
    _row("30 February", "transaction_date", "2/30/2024 9:00", "no_such_day"),
    _row("29 February of no leap year", "transaction_date", "2/29/2023 9:00", "no_such_day"),
    _row("day number of a spreadsheet", "transaction_date", "45382.9", "not_a_moment"),
    _row("for ever", "transaction_date", "infinity", "not_a_moment"),
    _row("true in small letters", "promotion_applied", "true", "not_true_or_false"),
    _row("day of no week", "weekday", "Funday", "not_a_choice"),
)


def content(case: Case, number: int) -> bytes:
    """Make the file of a case; the sales of different numbers are different."""
    rows = [line_of(row(transaction_id=number * 10 + place)) for place in (1, 2, 3)]
    return case.make(",".join(NAMES), *rows)
