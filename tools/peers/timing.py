# SPDX-License-Identifier: MIT
"""What the peers of redux-bench share: a JSON line for each measurement."""
import json
import statistics
import time


def measure(function, seconds=2.0):
    """Median seconds of a call, of as many as fit into some time (three at least), after one that warms up."""
    function()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def peak_mb():
    """MiB, of this process alone: ru_maxrss would include the one that started it."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmHWM"))


def report(peer, case, rate, unit, **more):
    print(json.dumps({"peer": peer, "case": case, "rate": rate, "unit": unit, **more}), flush=True)
