"""What this machine has for a model: memory that may be taken now, cores, kernels.

Reads Linux's /proc and /sys; elsewhere psutil's figure. Knows no models.
"""

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

_MIB = 1 << 20
# What the audit itself and its neighbours may still need while the model is resident.
HOST_RESERVE = 512 * _MIB
# Scratch pools that grow with a model are in no account, and others use the card. The driver's context needs no room
# here: whoever asks for the free bytes has one already.
DEVICE_RESERVE = 512 * _MIB
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes that may be taken: of host memory, of each device by name, and of all together."""

    host: int
    devices: Mapping[str, int] = field(default_factory=dict)
    together: int | None = None

    def lacks(self, host: int, devices: Mapping[str, int]) -> dict[str, int]:
        """Bytes that a need exceeds: of the "host", of devices by name, of the "budget"; empty when it fits."""
        total = host + sum(devices.values())
        over = {"host": host - self.host}
        over |= {name: need - self.devices.get(name, 0) for name, need in devices.items()}
        if self.together is not None:
            over["budget"] = total - self.together
        return {name: size for name, size in over.items() if size > 0}


def find_room(budget: int | None, devices: Mapping[str, int] | None = None, held: int = 0) -> Room:
    """Room on this machine. `devices` gives free bytes of each GPU; `budget` caps all together; `held` bytes are not
    free, but will be given back.
    """
    usable = {name: max(0, free - DEVICE_RESERVE) for name, free in (devices or {}).items()}
    free = free_host_bytes() + held
    if budget is None:
        return Room(max(0, free - HOST_RESERVE), usable)
    return Room(min(free, budget), usable, budget)


def free_host_bytes() -> int:
    """MemAvailable, or what the cgroup's limits leave, whichever is less."""
    import psutil

    return min([int(psutil.virtual_memory().available), *_cgroup_leaves(), *_old_cgroup_leaves()])


def private_bytes(pid: int) -> int:
    """Bytes that the children of a process hold and that are no file's pages; 0 when it is gone."""
    import psutil

    total = 0
    try:
        for child in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                memory = child.memory_info()
                total += memory.rss - getattr(memory, "shared", 0)
    except psutil.Error:
        return 0
    return total


def _cgroup_leaves(root: Path = _CGROUP) -> list[int]:
    """Bytes left below each limit on the way from this process's cgroup (version 2) to the root."""
    folder = root / _own_cgroup()
    left = []
    for place in (folder, *folder.parents):
        limit, current = _number(place / "memory.max"), _number(place / "memory.current")
        if limit is not None and current is not None:
            left.append(max(0, limit - current + _reclaimable(place)))
        if place == root:
            break
    return left


def _old_cgroup_leaves(root: Path = _CGROUP / "memory") -> list[int]:
    """The same for version 1, whose controllers have a hierarchy each; without a limit the number is absurd."""
    folder = root / _own_cgroup(":memory:")
    left = []
    for place in (folder, *folder.parents):
        limit, current = _number(place / "memory.limit_in_bytes"), _number(place / "memory.usage_in_bytes")
        if limit is not None and current is not None:
            left.append(max(0, limit - current + _reclaimable(place, "total_inactive_file ")))
        if place == root:
            break
    return left


def _own_cgroup(controller: str = "0::") -> str:
    """This process's cgroup of version 2, or of one controller of version 1, as a path below its root."""
    try:
        lines = Path("/proc/self/cgroup").read_text("ascii", "replace").split("\n")
    except OSError:
        return ""
    return next((line.split(":", 2)[2].lstrip("/") for line in lines if controller in line), "")


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text("ascii"))
    except (OSError, ValueError):
        return None


def _reclaimable(place: Path, name: str = "inactive_file ") -> int:
    """File pages that the kernel drops when the limit is reached."""
    try:
        lines = (place / "memory.stat").read_text("ascii").split("\n")
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(name))


def usable_cores() -> int:
    """Cores that affinity and the cgroup's CPU quota leave to this process, at least 1."""
    affinity = getattr(os, "sched_getaffinity", None)
    allowed = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        quota, period = (_CGROUP / _own_cgroup() / "cpu.max").read_text("ascii").split()
        allowed = min(allowed, -(-int(quota) // int(period)))
    except (OSError, ValueError):
        pass
    return max(1, allowed)


@cache
def tiled_kernels() -> bool:
    """Whether llama.cpp computes best on weights as the file has them.

    Its tiled kernels for AVX512-VNNI read 218 prompt tokens per second of two cores where copies
    repacked at load time read 139, write as fast, and spare those copies (1.5B Q4_K_M,
    llama-cpp-python 0.3.36).
    """
    try:
        return "avx512_vnni" in Path("/proc/cpuinfo").read_text("ascii", "replace")
    except OSError:
        return False
