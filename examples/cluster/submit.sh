#!/bin/sh
# SPDX-License-Identifier: CC0-1.0
# Reduces a dataset on a Slurm cluster: a job array makes the parts, and a job that waits for them
# makes the whole. Nodes need the programs in PATH and the same folders.
#
#     submit.sh N KEPT.csv OPTIONS... INPUT...
#     submit.sh 50 kept.csv --strategy ssim scans/
#
# If tasks fail, submit it again: parts that are complete are not made again.
set -eu
count=$1
manifest=$2
shift 2
parts=${manifest%.csv}.parts
here=$(dirname "$0")
mkdir -p "$parts"
array=$(sbatch --parsable --array="1-$count" "$here/shard.slurm" "$parts" "$@")
sbatch --parsable --dependency="afterok:${array%%;*}" --job-name=redux-merge \
    --wrap="redux-merge --quiet --manifest '$manifest' '$parts'/part.*-of-$count.part"
