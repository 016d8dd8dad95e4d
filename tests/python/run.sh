#!/bin/sh
# SPDX-License-Identifier: MIT
# python/redux against the built library, by the first Python that has NumPy: PYTHON,
# python3, Debian's. Without one nothing is tested, and that is said. `make check-python`.
set -u
: "${BUILD:=build}" "${CC:=cc}"
export CC OPENBLAS_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1
REDUX_LIBRARY=$(realpath "$BUILD/lib/libredux.so") || exit 1
REDUX_BIN=$(realpath "$BUILD/bin")
export REDUX_LIBRARY REDUX_BIN
for python in ${PYTHON:-python3 /usr/bin/python3}; do
    if "$python" -c 'import numpy' 2>/dev/null; then
        exec "$python" tests/python/test_redux.py
    fi
done
echo "  check-python: skipped: no Python with NumPy (python3-numpy, or PYTHON=...)"
echo "check-python: 0 passed, 0 failed"
