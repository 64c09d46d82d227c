"""Which checks failed since their asset was last made? Dagster's web server is asked; the judgement is pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from retail_pipeline import stack
from retail_pipeline.errors import StackError
from retail_pipeline.settings import Settings
from retail_pipeline.status.line import Line, asked

# What these judge is judged anew in the lines of the stream.
_TOLD_BY_THE_STREAM = {"connectors_run", "slot_is_safe", "no_dead_letters", "consumer_lag"}
_QUESTION = """{{ repositoryOrError(repositorySelector: {repository}) {{ ... on Repository {{ assetNodes {{
    assetKey {{ path }}
    assetChecksOrError {{ ... on AssetChecks {{ checks {{
        name executionForLatestMaterialization {{ status timestamp evaluation {{ severity description }} }}
    }} }} }} }} }} ... on Error {{ message }} }} }}"""


def lines(settings: Settings) -> list[Line]:
    """Return the checks whose latest result is a failure that is more than a warning, or a line that none is."""
    return asked("checks", lambda: _lines(settings))


def _lines(settings: Settings) -> list[Line]:
    found = stack.ask_dagster(settings, _QUESTION.format(repository=stack.repository()))["repositoryOrError"]
    if "assetNodes" not in found:
        raise StackError(
            "Dagster's web server does not tell its checks.",
            "see Dagster's code server among the servers; `retail-pipeline up` restarts it",
        )
    told = list(of(found, stack.ui_address(settings)))
    return told or [Line("checks", ok=True, state="pass", detail="no check failed with an error")]


def of(repository: Mapping[str, Any], ui: str) -> Iterator[Line]:
    """Yield a problem for each check that failed, with its page."""
    for node in repository["assetNodes"]:
        path = "/".join(node["assetKey"]["path"])
        for check in node["assetChecksOrError"].get("checks", ()):
            latest = check["executionForLatestMaterialization"]
            if check["name"] in _TOLD_BY_THE_STREAM or not latest or latest["status"] != "FAILED":
                continue
            result = latest["evaluation"]
            if result and result["severity"] == "ERROR":
                at = datetime.fromtimestamp(latest["timestamp"], UTC)
                page = f"{ui}/assets/{path}?view=checks&checkDetail={check['name']}"
                yield Line(
                    f"{check['name']} of {path}",
                    ok=False,
                    state="failed",
                    detail=f"at {at:%Y-%m-%d %H:%M} UTC: {result['description'] or 'see its page'}",
                    next_step=f"remove the cause, then run the check again: {page}",
                    link=page,
                )
