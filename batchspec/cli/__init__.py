"""The command line: a file for each command, and what they share."""

import gc

# Python looks for dead cycles after every 700 new objects. A command makes a hundred thousand before it does
# anything, all of which stay: looking through them time and again takes a tenth of a short command's time.
gc.set_threshold(100_000, *gc.get_threshold()[1:])
