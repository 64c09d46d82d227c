"""How much of a JVM's memory keeps nothing? Asked in the way jcmd asks, for the JVM's wheel has no jcmd.

See https://openjdk.org/groups/hotspot/docs/Serviceability.html, "Dynamic Attach": a file in the process's folder and
SIGQUIT make it listen on a socket, to which a request of six words is written, each ended by a zero byte.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from pathlib import Path

import psutil

# Java's own variable, for what is asked here. See https://docs.oracle.com/en/java/javase/21/vm/native-memory-tracking.html
VARIABLE, TRACKING = "JDK_JAVA_OPTIONS", "-XX:NativeMemoryTracking=summary"
_LISTENS_WITHIN, _ANSWERS_WITHIN = 5.0, 10.0
# Such as: Tenured    total 218500K, used 156287K [0x00000000eaaa0000, 0x00000000f8001000, 0x0000000100000000)
_GENERATION = re.compile(
    r"total \d+K, used (?P<used>\d+)K \[0x(?P<first>[0-9a-f]+), 0x[0-9a-f]+, 0x(?P<end>[0-9a-f]+)\)"
)
# Such as: -  Code (reserved=252480KB, committed=38900KB), and what Unsafe allocated, the direct buffers, as Other.
_CACHES = re.compile(r"^-\s+(?:Code|Other) \(reserved=\d+KB, committed=(\d+)KB", re.MULTILINE)


def cache(process: psutil.Process) -> int:
    """Return how many bytes keep nothing: the free part of the heap, compiled code, and the threads' buffers.

    A thread keeps one direct buffer, as large as the largest read or write it ever made. That and the code reach their
    size at the first backlog, not with the rows.

    Raises OSError where the JVM does not answer, as one that hangs, or was started without TRACKING; psutil.Error where
    it is gone.
    """
    free = _free(process)
    found = _CACHES.findall(_ask(process.pid, "VM.native_memory summary scale=KB"))
    if not found:
        raise OSError(f"Process {process.pid} does not track its memory.")
    return free + sum(map(int, found)) * 1024


def _free(process: psutil.Process) -> int:
    """Collect all garbage; return how many resident bytes of the heap no living object takes."""
    _ask(process.pid, "GC.run")
    generations = list(_GENERATION.finditer(_ask(process.pid, "GC.heap_info")))
    if not generations:
        raise OSError(f"Process {process.pid} told nothing of its heap.")
    first = min(int(one["first"], 16) for one in generations)
    end = max(int(one["end"], 16) for one in generations)
    resident = sum(
        one.rss for one in process.memory_maps(grouped=False) if first <= int(one.addr.partition("-")[0], 16) < end
    )
    return max(0, resident - sum(int(one["used"]) for one in generations) * 1024)


def _ask(pid: int, command: str) -> str:
    path = Path(f"/tmp/.java_pid{pid}")  # noqa: S108  the JVM chose it
    if not path.is_socket():
        _make_listen(pid, path)
    with socket.socket(socket.AF_UNIX) as opened:
        opened.settimeout(_ANSWERS_WITHIN)
        opened.connect(str(path))
        opened.sendall(b"".join(word.encode() + b"\0" for word in ("1", "jcmd", command, "", "")))
        answer = bytearray()
        while chunk := opened.recv(65_536):
            answer += chunk
    return answer.decode()


def _make_listen(pid: int, path: Path) -> None:
    # Without the file the JVM would write its threads to its log.
    wish = Path(f"/proc/{pid}/cwd/.attach_pid{pid}")
    wish.touch(mode=0o600)
    try:
        os.kill(pid, signal.SIGQUIT)
        until = time.monotonic() + _LISTENS_WITHIN
        while not path.is_socket():
            if time.monotonic() > until:
                raise TimeoutError(f"Process {pid} does not listen.")
            time.sleep(0.05)
    finally:
        wish.unlink(missing_ok=True)
