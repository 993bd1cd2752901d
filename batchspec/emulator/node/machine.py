"""How busy this machine is: what the nodes on it, which are folders, have as their resource metrics."""

from pathlib import Path

import psutil


class Machine:
    """Readings since the last look, under the names that autoscale formulas know."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._last = self._counters()

    def read(self) -> dict[str, float]:
        now = self._counters()
        grown = {name: max(0.0, value - self._last.get(name, value)) for name, value in now.items()}
        self._last = now
        return {
            "$CPUPercent": psutil.cpu_percent() / 100,
            "$MemoryBytes": psutil.virtual_memory().used / 2**20,  # megabytes, whatever the name says
            "$DiskBytes": psutil.disk_usage(str(self._home)).used / 2**30,  # gigabytes
            **grown,
        }

    def _counters(self) -> dict[str, float]:
        found: dict[str, float] = {}
        if disk := psutil.disk_io_counters():
            found |= {"$DiskReadBytes": disk.read_bytes, "$DiskWriteBytes": disk.write_bytes}
            found |= {"$DiskReadOps": disk.read_count, "$DiskWriteOps": disk.write_count}
        if network := psutil.net_io_counters():
            found |= {"$NetworkInBytes": network.bytes_recv, "$NetworkOutBytes": network.bytes_sent}
        return found
