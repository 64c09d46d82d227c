"""The generator makes files in the source file's shape, and the sample is what its command makes."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from retail_pipeline.source import generator
from retail_pipeline.source.generator_draws import CASES, Shape

SAMPLE = Path(__file__).parents[3] / "data" / "sample.csv"
DATA_README = SAMPLE.with_name("README.md")

# Fewest rows to leave out for the dependency to hold, as a share of all rows: measured on the source file.
SHARES_OF_THE_SOURCE_FILE = {
    ("product_id", "product_name"): 0.635,
    ("product_id", "category"): 0.335,
    ("product_id", "unit_price"): 0.820,
    ("product_id", "supplier_id"): 0.814,
    ("product_id", "reorder_point"): 0.796,
    ("product_id", "reorder_quantity"): 0.807,
    ("store_id", "store_location"): 0.762,
    ("supplier_id", "supplier_lead_time"): 0.752,
    ("customer_id", "customer_age"): 0.226,
    ("customer_id", "customer_gender"): 0.144,
    ("customer_id", "customer_income"): 0.230,
    ("customer_id", "customer_loyalty_level"): 0.164,
    ("store_id product_id", "inventory_level"): 0.132,
    ("day store_id product_id", "forecasted_demand"): 0.001,
    ("day store_id product_id", "actual_demand"): 0.001,
}
# 600 rows stray by chance, and 8 stores meet the same product more often than 20 do.
TOLERANCE = 0.07

SALE_FACTS = (
    "transaction_date",
    "customer_id",
    "store_location",
    "payment_method",
    "promotion_applied",
    "promotion_type",
    "weather_conditions",
    "holiday_indicator",
    "weekday",
    "stockout_indicator",
)
WHOLE_NUMBERS = {
    "transaction_id": (900_000_001, 900_000_600),
    "customer_id": (1001, 9998),
    "product_id": (100, 999),
    "quantity_sold": (1, 5),
    "store_id": (1, 8),
    "inventory_level": (0, 500),
    "reorder_point": (50, 150),
    "reorder_quantity": (100, 300),
    "supplier_id": (100, 500),
    "supplier_lead_time": (1, 10),
    "customer_age": (18, 70),
    "forecasted_demand": (100, 500),
    "actual_demand": (90, 510),
}
WORDS = {
    "category": {"Electronics", "Appliances"},
    "store_location": {"Los Angeles, CA", "Chicago, IL", "Dallas, TX", "New York, NY", "Miami, FL"},
    "customer_gender": {"Male", "Female", "Other"},
    "customer_loyalty_level": {"Bronze", "Silver", "Gold", "Platinum"},
    "payment_method": {"Cash", "Credit Card", "Debit Card", "Digital Wallet"},
    "promotion_applied": {"TRUE", "FALSE"},
    "promotion_type": {"None", "BOGO", "Percentage Discount"},
    "weather_conditions": {"Cloudy", "Rainy", "Stormy", "Sunny"},
    "holiday_indicator": {"TRUE", "FALSE"},
    "weekday": {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"},
    "stockout_indicator": {"TRUE", "FALSE"},
}


def _read(path: Path) -> pd.DataFrame:
    """Read a file as text, with its day beside it."""
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    return rows.assign(day=rows["transaction_date"].str.split(" ").str[0])


def _contradicted(rows: pd.DataFrame, keys: str, column: str) -> float:
    """Return the share of rows to leave out for each key to have one value."""
    counts = rows.groupby([*keys.split(), column]).size()
    kept = int(counts.groupby(level=list(range(len(keys.split())))).max().sum())
    return 1 - kept / len(rows)


def _days(rows: pd.DataFrame) -> pd.DataFrame:
    """Return units sold, highest recorded stock, sales and lines of each store, product and day."""
    numbers = rows.assign(sold=rows["quantity_sold"].astype(int), stock=rows["inventory_level"].astype(int))
    return numbers.groupby(["store_id", "product_id", "day"]).agg(
        sold=("sold", "sum"),
        most_sold=("sold", "max"),
        stock=("stock", "max"),
        least_stock=("stock", "min"),
        sales=("transaction_id", "nunique"),
        lines=("sold", "size"),
    )


@pytest.fixture(scope="module")
def sample() -> pd.DataFrame:
    return _read(SAMPLE)


def _made(tmp_path: Path, shape: Shape) -> pd.DataFrame:
    """Make a file and read it."""
    path = tmp_path / "made.csv"
    generator.write(shape, path)
    return _read(path)


def test_the_command_in_the_readme_makes_the_sample_byte_for_byte(tmp_path: Path) -> None:
    command = re.search(r"-m retail_pipeline\.source\.generator (.*) data/sample\.csv", DATA_README.read_text())
    assert command

    generator.main([*command[1].split(), str(tmp_path / "again.csv")])

    assert (tmp_path / "again.csv").read_bytes() == SAMPLE.read_bytes()


def test_another_seed_makes_another_file(tmp_path: Path, sample: pd.DataFrame) -> None:
    other = _made(tmp_path, Shape(rows=600, stores=8, seed=2))

    assert other.columns.tolist() == sample.columns.tolist()
    assert not set(map(tuple, other.to_numpy())) & set(map(tuple, sample.to_numpy()))


def test_every_line_is_written_as_the_source_file_writes_it() -> None:
    text = SAMPLE.read_bytes().decode("ascii")
    header, *lines = text.removesuffix("\r\n").split("\r\n")

    assert len(header.split(",")) == 28
    assert "\n" not in "".join(lines)
    assert "\r" not in "".join(lines)
    money = r"\d+(\.\d?[1-9])?"
    date = r"[1-9]\d?/[1-9]\d?/2024 (\d|1\d|2[0-3]):[0-5]\d"
    line_form = re.compile(
        rf'(\d+,){{3}}[\w ]+,\w+,\d,{money},{date},\d+,"[\w ]+, [A-Z]{{2}}",(\d+,){{6}}\w+,{money},\w+,[\w ]+,'
        r"(TRUE|FALSE),[\w ]+,\w+,(TRUE|FALSE),\w+,(TRUE|FALSE),\d+,\d+"
    )
    assert [line for line in lines if not line_form.fullmatch(line)] == []


def test_every_value_of_the_sample_is_valid(sample: pd.DataFrame) -> None:
    for column, (least, most) in WHOLE_NUMBERS.items():
        assert sample[column].astype(int).between(least, most).all(), column
    for column, words in WORDS.items():
        assert set(sample[column]) == words, column
    assert sample["product_name"].nunique() == 8
    assert sample["unit_price"].astype(float).between(50, 2000).all()
    assert sample["customer_income"].astype(float).between(20_000, 120_000).all()
    dates = pd.to_datetime(sample["transaction_date"], format="%m/%d/%Y %H:%M")
    assert dates.between(pd.Timestamp("2024-01-01"), pd.Timestamp("2024-09-16 23:59")).all()
    assert not dates.is_monotonic_increasing


def test_money_has_from_no_to_two_decimals(sample: pd.DataFrame) -> None:
    for column in ("unit_price", "customer_income"):
        assert set(sample[column].str.partition(".")[2].str.len()) == {0, 1, 2}


@pytest.mark.parametrize(("keys", "column"), SHARES_OF_THE_SOURCE_FILE)
def test_the_sample_contradicts_itself_about_as_often_as_the_source_file(
    sample: pd.DataFrame, keys: str, column: str
) -> None:
    share = _contradicted(sample, keys, column)

    assert share == pytest.approx(SHARES_OF_THE_SOURCE_FILE[keys, column], abs=TOLERANCE)
    assert share > 0


def test_weekday_promotion_and_stockout_of_the_sample_know_nothing_of_what_they_tell(sample: pd.DataFrame) -> None:
    weekday = pd.to_datetime(sample["transaction_date"], format="%m/%d/%Y %H:%M").dt.day_name()
    applied, typed = sample["promotion_applied"] == "TRUE", sample["promotion_type"] != "None"
    stockout, empty = sample["stockout_indicator"] == "TRUE", sample["inventory_level"] == "0"

    assert (weekday != sample["weekday"]).mean() == pytest.approx(6 / 7, abs=0.05)
    assert (applied & ~typed).mean() == pytest.approx(0.359, abs=0.06)
    assert (~applied & typed).mean() == pytest.approx(0.156, abs=0.06)
    assert (applied & typed).mean() == pytest.approx(0.163, abs=0.06)
    assert (stockout & ~empty).mean() == pytest.approx(0.517, abs=0.06)


def test_customers_of_the_sample_come_again_about_as_often_as_in_the_source_file(sample: pd.DataFrame) -> None:
    sales = sample.drop_duplicates("transaction_id")

    assert sales["customer_id"].nunique() / len(sales) == pytest.approx(0.77, abs=0.05)


def test_the_sample_has_sales_of_several_lines(sample: pd.DataFrame) -> None:
    lines = sample.groupby("transaction_id").size()

    assert set(lines) == {1, 2, 3}
    assert sample.groupby("transaction_id")["store_id"].nunique().eq(1).all()
    assert sample.duplicated(["transaction_id", "product_id"]).sum() >= 3
    assert not sample.duplicated().any()


def test_some_sales_of_the_sample_disagree_on_each_fact_that_a_sale_has_once(sample: pd.DataFrame) -> None:
    values = sample.groupby("transaction_id")[list(SALE_FACTS)].nunique()
    agreed = {"store_location", "holiday_indicator", "weekday"}

    assert {fact for fact in SALE_FACTS if values[fact].gt(1).any()} == set(SALE_FACTS) - agreed
    assert 0.01 < values.gt(1).any(axis=1).mean() < 0.1


def test_the_sample_has_every_case_of_sales_beside_the_recorded_stock(sample: pd.DataFrame) -> None:
    days = _days(sample.tail(len(CASES)))
    above = days["sold"] > days["stock"]
    only_the_sum = above & (days["most_sold"] <= days["stock"])
    equal = days["sold"] == days["stock"]

    assert (above & (days["lines"] == 1)).sum() == 2
    assert (only_the_sum & (days["sales"] == 2)).any()
    assert (only_the_sum & (days["sales"] == 1)).any()
    assert (equal & (days["lines"] == 1)).any()
    assert (equal & (days["sales"] == 2)).any()
    assert (~above & (days["most_sold"] > days["least_stock"]) & (days["sales"] == 2)).any()
    rows_above = (sample["quantity_sold"].astype(int) > sample["inventory_level"].astype(int)).mean()
    assert rows_above == pytest.approx(0.006, abs=0.008)


def test_the_cases_are_the_last_rows_and_stand_alone(sample: pd.DataFrame) -> None:
    days = _days(sample.tail(len(CASES))).sort_index()

    assert len(days) == len(set(CASES[:, 0]))
    pd.testing.assert_frame_equal(days, _days(sample).loc[days.index])


def test_without_contradictions_every_declared_dependency_holds(tmp_path: Path) -> None:
    rows = _made(tmp_path, Shape(rows=20_000, stores=10, contradictions=False, lines_per_basket=5))
    weekday = pd.to_datetime(rows["transaction_date"], format="%m/%d/%Y %H:%M").dt.day_name()

    found = {keys: _contradicted(rows, *keys) for keys in SHARES_OF_THE_SOURCE_FILE}

    assert found == dict.fromkeys(SHARES_OF_THE_SOURCE_FILE, 0)
    assert rows.groupby("transaction_id")[["store_id", *SALE_FACTS]].nunique().eq(1).all(axis=None)
    assert (rows["weekday"] == weekday).all()
    assert ((rows["promotion_applied"] == "TRUE") == (rows["promotion_type"] != "None")).all()
    assert not rows.duplicated().any()
    assert (rows["quantity_sold"].astype(int) <= rows["inventory_level"].astype(int)).all()


@pytest.mark.parametrize(("keys", "column"), SHARES_OF_THE_SOURCE_FILE)
def test_one_contradiction_planted_among_none_is_seen(tmp_path: Path, keys: str, column: str) -> None:
    rows = _made(tmp_path, Shape(rows=2_000, stores=2, contradictions=False))
    again = rows.iloc[[0]].assign(**{column: "another"})

    assert _contradicted(pd.concat([rows, again]), keys, column) > 0


def test_a_file_longer_than_a_chunk_has_all_its_rows_and_each_number_once(tmp_path: Path) -> None:
    rows = _made(tmp_path, Shape(rows=120_001, stores=400, contradictions=False, lines_per_basket=5))
    numbers = rows["transaction_id"].astype(int)

    assert len(rows) == 120_001
    assert numbers.is_monotonic_increasing
    assert numbers.iloc[-1] - numbers.iloc[0] + 1 == numbers.nunique()
    assert rows.groupby("transaction_id")["store_id"].nunique().eq(1).all()
    assert rows.groupby("transaction_id").size().mean() == pytest.approx(5, abs=0.1)
    assert rows["store_id"].nunique() == 400


@pytest.mark.parametrize("rows", [1, 2, 7, 219, 220])
def test_a_short_file_has_its_rows_too(tmp_path: Path, rows: int) -> None:
    made = _made(tmp_path, Shape(rows=rows, stores=1, lines_per_basket=3, first_transaction_id=7))

    assert len(made) == rows
    assert made["transaction_id"].iloc[0] == "7"
    assert not made.duplicated().any()


@pytest.mark.parametrize(
    "wrong",
    [["--rows", "0"], ["--rows", "many"], ["--rows", "5", "--lines-per-basket", "51"], ["--rows", "5", "--seed", "-1"]],
    ids=" ".join,
)
def test_a_number_out_of_range_is_refused_and_nothing_written(
    tmp_path: Path, wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        generator.main([*wrong, str(tmp_path / "none.csv")])

    assert wrong[-1] in capsys.readouterr().err
    assert not (tmp_path / "none.csv").exists()


def test_a_path_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        generator.main(["--rows", "5", str(tmp_path / "no folder" / "out.csv")])

    assert "could not be written: No such file or directory" in capsys.readouterr().err
