"""Let NumPy multiply on one thread: import this before NumPy, which looks at the environment once.

Two threads of OpenBLAS wait for each other in a loop, so small products of several test processes on few cores crawl.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
