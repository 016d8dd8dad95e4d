#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/loader-hint.sh LIBDIR SONAME: says what makes the loader find an installed library, or
# nothing where it finds it already. `make install` runs it.
PATH=$PATH:/sbin:/usr/sbin
command -v ldconfig >/dev/null || exit 0
same() { [ "$(readlink -f "$1")" = "$(readlink -f "$2")" ]; } # /lib may be a link to /usr/lib
case :$LD_LIBRARY_PATH: in *:"$1":*) exit 0 ;; esac
for found in $(ldconfig -p | awk -v name="$2" '$1 == name { print $NF }'); do
  same "$found" "$1/$2" && exit 0
done
for folder in $(ldconfig -v -N -X 2>/dev/null | sed -n 's/^\(\/[^:]*\):.*/\1/p'); do
  same "$folder" "$1" && echo "To let the loader find $2, run as root: ldconfig" && exit 0
done
echo "The loader does not search $1. To run programs that link $2:"
echo "  export LD_LIBRARY_PATH=$1\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
