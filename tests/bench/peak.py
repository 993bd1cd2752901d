"""Runs a program and prints the most memory it had, in MB: `python -m tests.bench.peak PROGRAM WORDS`.

Such a small process has to start it, since a program's peak begins with that of the process before it.
"""

import os
import resource
import sys

process = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
sys.exit(code)
