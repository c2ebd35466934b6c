"""Start the nursery: put the package on the path, which isolated Python leaves out, and serve."""

import os
import sys

sys.path.append(os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 4)))

from argo.local.executors.shim.nursery import serve

if __name__ == "__main__":
    serve(int(sys.argv[1]))
