"""The landing folder: each file that people put there is loaded once, and what is not loaded is named."""

from __future__ import annotations

from dataclasses import dataclass

from retail_pipeline.landing.folder import promises_sales
from retail_pipeline.landing.memory import NAME, State, recall
from retail_pipeline.names import shown
from retail_pipeline.settings import Settings

_WAIT = {
    State.ARRIVING: "it was seen once as it is now, and may still be written",
    State.READY: "it is in line for its run",
    State.ASKED: "its run is in the queue, or at work",
}


@dataclass(frozen=True)
class Standing:
    """A file that is not loaded: its name as it is shown, `waiting`, `refused` or `ignored`, why, and since when.

    Where it is `ignored`, `is_mistake` tells whether its name is that of a CSV, so that somebody expects it loaded.
    """

    name: str
    state: str
    reason: str
    since: float
    is_mistake: bool = False


def standing(settings: Settings) -> list[Standing]:
    """Return the files of the landing folder that wait, were refused or are no CSV, as the last tick left them.

    `since` is in seconds since the epoch; for what waits, since the file is as it is now. It asks no server.
    Raises SettingError where what the tick left cannot be read.
    """
    files = [file for file in recall(settings.home / NAME) if file.state is not State.LOADED]
    return [
        Standing(shown(file.name), "waiting", file.reason or _WAIT[file.state], file.arrived)
        if file.state in _WAIT
        else Standing(shown(file.name), file.state.value, file.reason, file.since, promises_sales(file.name))
        for file in sorted(files, key=lambda file: (file.state, file.since, file.name))
    ]
