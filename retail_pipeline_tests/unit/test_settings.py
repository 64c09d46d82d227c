"""The environment, read once and typed; the passwords, made once."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from retail_pipeline.errors import SettingError
from retail_pipeline.settings import Settings


def test_without_variables_no_file_and_no_server_is_known() -> None:
    settings = Settings.from_environment({"PATH": "/bin"})

    assert settings.csv is None
    assert settings.postgres_dsn is None
    with pytest.raises(SettingError, match="RETAIL_POSTGRES_DSN is not set"):
        settings.require("postgres_dsn")


def test_an_empty_variable_counts_as_not_set() -> None:
    assert Settings.from_environment({"RETAIL_MONGO_URI": ""}).mongo_uri is None


@pytest.mark.parametrize("share", ["two", "-0.1", "1.5", "nan"])
def test_a_share_that_is_none_is_refused_with_its_name(share: str) -> None:
    with pytest.raises(SettingError, match="RETAIL_ERROR_SHARE"):
        Settings.from_environment({"RETAIL_ERROR_SHARE": share})


@pytest.mark.parametrize("name", ["RETAIL_SUPERVISE", "RETAIL_HEAL"])
def test_a_switch_is_on_unless_it_is_0(name: str) -> None:
    for value, wanted in ((None, True), ("1", True), ("0", False)):
        settings = Settings.from_environment({name: value} if value else {})
        assert getattr(settings, name.removeprefix("RETAIL_").lower()) is wanted
    with pytest.raises(SettingError, match=f"{name} is 'no'"):
        Settings.from_environment({name: "no"})


def test_a_process_that_is_given_the_choices_makes_the_same_ones() -> None:
    given = {"RETAIL_LANDING": "/srv/in", "RETAIL_WARN_SHARE": "0.2", "RETAIL_ERROR_SHARE": "0.3", "RETAIL_HEAL": "0"}
    settings = Settings.from_environment(given | {"RETAIL_SUPERVISE": "0"})

    assert Settings.from_environment(settings.choices()) == settings


def test_a_password_is_made_once_and_readable_to_its_owner_alone(tmp_path: Path) -> None:
    credentials = Settings.from_environment({"RETAIL_HOME": str(tmp_path)}).credentials
    first = credentials.password("postgres/store_user_1")

    assert credentials.password("postgres/store_user_1") == first
    assert credentials.password("postgres/store_user_2") != first
    assert credentials.rotate("postgres/store_user_1") != first
    assert stat.S_IMODE(credentials.path.stat().st_mode) == stat.S_IRUSR | stat.S_IWUSR
    assert not credentials.has("postgres/store_user_3")


def test_an_address_for_alarms_that_is_none_is_refused_without_being_quoted() -> None:
    assert Settings.from_environment({"RETAIL_ALERT_URL": "https://host/x"}).alert_url == "https://host/x"
    for value in ("secret", "ftp://secret", "https://", "host:80/secret"):
        with pytest.raises(SettingError, match="RETAIL_ALERT_URL is no address") as refused:
            Settings.from_environment({"RETAIL_ALERT_URL": value})
        assert "secret" not in str(refused.value)
