"""The median time, in milliseconds, to write and sync 1 KiB in a folder."""

import os
import statistics
import sys
import time

times = []
with open(os.path.join(sys.argv[1], "sync"), "wb") as file:
    for _ in range(200):
        start = time.perf_counter()
        file.write(b"x" * 1024)
        file.flush()
        os.fdatasync(file.fileno())
        times.append(time.perf_counter() - start)
print(f"{statistics.median(times) * 1e3:.2f}")
