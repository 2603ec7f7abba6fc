"""How fast the engines are, beside a yardstick run in the same minute: ``make benchmark``."""

import os

# One core is one thread: on a core that it shares with itself, linear algebra would wait in a loop and count as CPU time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
