#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2086 # options are several words on purpose
# Programs with --mpi on 1 to 8 processes of this machine: the bytes of one process, and what happens
# when one fails. BIN: where the programs are; MPIRUN: with its options. Run from the project's root.
# Strategies, objectives and numbers of ranks that tests/system/test_ranks*.c have on threads are here
# with ALL=1 only. Prints "check-mpi: N passed, N failed".
set -u
BUILD=${BUILD:-build}
BIN=${BIN:-$BUILD/bin}
MPIRUN=${MPIRUN:-mpirun --oversubscribe --bind-to none}
ALL=${ALL:-0}
reduce=$BIN/redux-reduce
ct=data/ct
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OPENBLAS_NUM_THREADS=1
# Containers run as root.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
part=mpi
# shellcheck source=tests/support/check.sh
. tests/support/check.sh
also() { # also COMMAND...: with ALL=1
    [ "$ALL" != 1 ] || "$@"
}
on() { # on N PROGRAM...: N processes of it
    local n=$1
    shift
    timeout 120 $MPIRUN -np "$n" "$@" --threads 1 2>"$work/err"
}
without_seconds() {
    grep -v '"seconds"' "$1"
}
same_reduction() { # same_reduction N OPTIONS...: N processes against one
    local n=$1
    shift
    rm -f "$work"/one.* "$work"/ranks.*
    "$reduce" --quiet "$@" --manifest "$work/one.csv" &&
        on "$n" "$reduce" --mpi --quiet "$@" --manifest "$work/ranks.csv" &&
        cmp "$work/one.csv" "$work/ranks.csv" &&
        cmp <(without_seconds "$work/one.json") <(without_seconds "$work/ranks.json") || return 1
    if [ -e "$work/one.exemplars" ]; then
        cmp "$work/one.exemplars" "$work/ranks.exemplars"
    fi
}
fails() { # fails N CODE WORDS PROGRAM...
    local n=$1 code=$2 words=$3
    shift 3
    on "$n" "$@" >"$work/out"
    local status=$?
    if [ $status -ne "$code" ] || ! grep -qF -e "$words" "$work/err"; then
        echo "  exit $status, expected $code and '$words'"
        sed 's/^/    /' "$work/err"
        return 1
    fi
}

for n in 1 2 3 4 8; do
    also check "hash on $n" same_reduction $n $ct
done
for n in 2 4; do
    also check "ssim on $n" same_reduction $n --strategy ssim $ct
done
for n in 1 3 8; do
    check "ssim on $n" same_reduction $n --strategy ssim $ct
done
check "hash over the dataset" same_reduction 2 --scope dataset $ct
check "mi over the dataset" same_reduction 4 --strategy mi --scope dataset --size 48 $ct
for options in "--strategy ssim --keep 20%" "--strategy cosine --scope dataset --keep 10%" "--strategy semdedup" \
    "--rule k-centre --keep 30" "--strategy hierarchical --scope dataset --keep 10%" "--strategy ssim --calibrate" \
    "--strategy ssim --keep 5 --each group" "--threshold 12 --then ssim"; do
    also check "$options" same_reduction 3 $options $ct
done
also check "another set" same_reduction 2 --strategy ssim --against $ct/STS_019_CT.nii.gz $ct/STS_002_CT.nii.gz \
    $ct/STS_012_CT.nii.gz
mkdir "$work/broken"
cp $ct/STS_002_CT.nii.gz $ct/STS_012_CT.nii.gz "$work/broken"
head -c 30000 $ct/STS_019_CT.nii.gz >"$work/broken/STS_008_CT.nii.gz"
also check "skipped input" same_reduction 3 --on-error skip --strategy ssim "$work/broken"
"$BIN/redux-pretrain" --width 0.125 --projection 8 --size 32 --batch 8 --window -160:240 --quiet \
    --steps 2 --warm-up 0 --out "$work/w" $ct/STS_019_CT.nii.gz
weights=$work/w/weights.safetensors
also check "embeddings by an encoder" same_reduction 3 --strategy cosine --encoder "$weights" $ct
"$BIN/redux-embed" --quiet --weights "$weights" --out "$work/one.npy" $ct
check "redux-embed" on 3 "$BIN/redux-embed" --mpi --quiet --weights "$weights" --out "$work/ranks.npy" $ct
check "gives one process's array" cmp "$work/one.npy" "$work/ranks.npy"
"$BIN/redux-hash" --quiet --quality $ct >"$work/one.txt"
on 3 "$BIN/redux-hash" --mpi --quiet --quality $ct >"$work/ranks.txt"
check "redux-hash" cmp "$work/one.txt" "$work/ranks.txt"
# ---- training: the weights of one process, and what a killed job leaves is resumed on other ranks ----
pretrain="$BIN/redux-pretrain --width 0.125 --projection 8 --size 24 --batch 8 --window -160:240 --warm-up 0 --quiet"
slices=$ct/STS_019_CT.nii.gz
same_training() { # same_training N OPTIONS...: the weights of N processes are those in DIR one
    local n=$1
    shift
    rm -rf "$work/ranks"
    on "$n" $pretrain --mpi "$@" --out "$work/ranks" $slices && same_weights
}
same_weights() {
    cmp "$work/one/weights.safetensors" "$work/ranks/weights.safetensors" &&
        cmp "$work/one/checkpoint.safetensors" "$work/ranks/checkpoint.safetensors"
}
one_trains() {
    rm -rf "$work/one"
    $pretrain "$@" --threads 1 --out "$work/one" $slices
}
trained_alike() { # trained_alike "NUMBERS OF RANKS" OPTIONS...
    local numbers=$1 n
    shift
    check "$*" one_trains "$@"
    for n in $numbers; do
        check "$* on $n" same_training "$n" "$@"
    done
}
[ "$ALL" = 1 ] && numbers="1 2 3 4 8" || numbers=
trained_alike "${numbers:-2 8}" --part 2 --steps 60
trained_alike "${numbers:-3}" --objective swav --prototypes 8 --freeze-steps 9 --part 2 --steps 60 --width 0.25
also trained_alike 3 --objective moco --queue 16 --part 2 --steps 12
also trained_alike 3 --objective byol --part 2 --steps 12
also trained_alike 3 --part 5 --small-views 2 --small-size 16 --steps 6
also trained_alike 3 --part 2 --memory 10 --steps 24 $ct/STS_002_CT.nii.gz $ct/STS_008_CT.nii.gz $ct/STS_012_CT.nii.gz
bfloat16() {
    local options="--products bfloat16 --part 2 --steps 12"
    if one_trains $options 2>"$work/err"; then
        check "$options on 4" same_training 4 $options
    else
        check "bfloat16 where the processor has none" grep -q "no bfloat16" "$work/err"
    fi
}
also bfloat16
long="--part 2 --steps 150 --checkpoint-seconds 0.05"
check "$long" one_trains $long
# shellcheck disable=SC2016 # expanded by the ranks
one_gets='rank=${OMPI_COMM_WORLD_RANK:-$PMI_RANK} which=$1 signal=$2 log=$3 lines=$4; shift 4
    [ "$rank" != "$which" ] || (until [ "$(cat "$log" 2>/dev/null | wc -l)" -ge "$lines" ]; do sleep 0.02; done
        kill -s $signal $$) &
    [ "$rank" != "$which" ] || [ "$lines" -gt 0 ] || wait
    exec "$@" --mpi --threads 1'
rank_gets() { # rank_gets RANK SIGNAL LINES OPTIONS...: once the log has so many lines; 0: before it starts
    local which=$1 signal=$2 lines=$3
    shift 3
    rm -rf "$work/ranks"
    timeout 100 $MPIRUN -np 3 sh -c "$one_gets" sh "$which" "$signal" "$work/ranks/log.csv" "$lines" $pretrain "$@" \
        --out "$work/ranks" $slices >"$work/out" 2>"$work/err"
}
one_rank_gets() { # and all end without a result
    rank_gets "$@"
    local status=$?
    [ $status -ne 0 ] && [ $status -ne 124 ] && [ ! -e "$work/ranks/weights.safetensors" ]
}
killed_and_resumed() { # killed_and_resumed RANK LINES N: then N processes continue
    one_rank_gets "$1" KILL "$2" $long &&
        on "$3" $pretrain --mpi --resume $long --out "$work/ranks" $slices && same_weights
}
also check "killed at the start, resumed on 2" killed_and_resumed 1 1 2
check "killed while it trains, resumed on 4" killed_and_resumed 2 40 4
also check "killed while it trains, resumed on 1" killed_and_resumed 0 100 1
interrupted() { # as by Ctrl-C: all stop with a checkpoint, although none was due
    one_rank_gets 2 TERM 5 --part 2 --steps 4000 --checkpoint-seconds 1000 &&
        [ -e "$work/ranks/checkpoint.safetensors" ] && grep -q "interrupted" "$work/err"
}
check "a rank that is interrupted" interrupted
names_stopped() { # whatever failed, with the message of a rank that waited
    local status=$?
    if [ $status -eq 0 ] || [ $status -eq 124 ] || ! grep -qE "$1" "$work/err"; then
        sed "s/^/    exit $status: /" "$work/err"
        return 1
    fi
}
stopped_training() {
    rank_gets 1 STOP 20 --mpi-timeout 5 --part 2 --steps 4000
    names_stopped "rank 1 did not answer for 5 seconds: it is gone or stopped"
}
check "a rank that stops while it trains is named" stopped_training
stopped_before() { # MPI itself waits without a limit
    rank_gets 1 STOP 0 --mpi-timeout 2 --part 2 --steps 4
    names_stopped "rank [02] has waited 2 seconds for MPI to start"
}
check "a rank that stops before MPI starts ends all" stopped_before
check "idle ranks are named" fails 3 0 "rank 2 has nothing to do: a batch has 2 parts" \
    ${pretrain/ --quiet/} --mpi --part 8 --steps 2 --out "$work/idle" $slices
check "a folder in use" fails 3 1 "holds a run already" $pretrain --mpi --steps 2 --out "$work/idle" $slices

# ---- failures: all processes end, with a message ----
check "input that cannot be read" fails 3 1 "STS_008_CT" "$reduce" --mpi --strategy ssim "$work/broken"
check "wrong usage" fails 2 2 "no input" "$reduce" --mpi
differing() { # rank 1 has another option
    # shellcheck disable=SC2016 # expanded by the ranks
    timeout 120 $MPIRUN -np 3 sh -c 'rank=${OMPI_COMM_WORLD_RANK:-$PMI_RANK}
        exec "$0" --mpi --threads 1 --strategy mi --bins $((64 + rank % 2)) --manifest "$1" "$2"' \
        "$reduce" "$work/d.csv" $ct 2>"$work/err"
    [ $? -eq 1 ] && grep -q "ranks differ in options" "$work/err" && [ ! -e "$work/d.csv" ]
}
check "ranks that differ" differing
killed() { # rank 1 dies while it works
    # shellcheck disable=SC2016
    timeout 60 $MPIRUN -np 3 sh -c 'rank=${OMPI_COMM_WORLD_RANK:-$PMI_RANK}
        [ "$rank" != 1 ] || (sleep "$3" && kill -9 $$) &
        exec "$0" --mpi --threads 1 --strategy mi --scope dataset --size 256 --manifest "$1" "$2" "$2" "$2"' \
        "$reduce" "$work/k.csv" $ct "$1" >/dev/null 2>&1
    local status=$?
    [ $status -ne 0 ] && [ $status -ne 124 ] && [ ! -e "$work/k.csv" ]
}
check "a rank that is killed after 0.3 s" killed 0.3
for moment in 0.1 0.6; do
    also check "a rank that is killed after $moment s" killed $moment
done

# ---- a C program of one's own ----
cat >"$work/own.c" <<'END'
#include <redux.h>
#include <redux/mpi.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    redux_communicator communicator = REDUX_COMMUNICATOR_INIT;
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_reduce_summary summary = {.struct_size = sizeof summary};
    redux_context *context = NULL;
    redux_dataset *dataset = NULL;
    redux_reduction *reduction = NULL;
    const char *path = argc > 1 ? argv[1] : "data/ct";
    int provided;
    if (redux_mpi_communicator(&communicator, MPI_COMM_WORLD) != REDUX_E_INVALID)
        return 1; /* MPI has not been initialised */
    MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
    redux_status status = redux_mpi_communicator(&communicator, MPI_COMM_WORLD);
    options.communicator = &communicator;
    if (status == REDUX_OK)
        status = redux_context_new(&context, &options);
    if (status == REDUX_OK)
        status = redux_dataset_open(&dataset, context, &path, 1, NULL);
    if (status == REDUX_OK)
        status = redux_reduce(&reduction, context, dataset, NULL);
    if (status == REDUX_OK)
        status = redux_reduction_get_summary(&summary, reduction);
    if (status == REDUX_OK)
        printf("%d of %d\n", (int)summary.kept, (int)summary.slices);
    if (status != REDUX_OK) {
        fprintf(stderr, "%s\n", redux_error_message());
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
    redux_reduction_free(reduction);
    redux_dataset_free(dataset);
    redux_context_free(context);
    redux_mpi_communicator_free(&communicator);
    MPI_Finalize();
    return status != REDUX_OK;
}
END
compile() { # compile SOURCE PROGRAM
    "${MPICC:-mpicc}" -std=c11 -D_POSIX_C_SOURCE=200809L -Iinclude -Ilib/mpi "$1" -o "$2" \
        "$BUILD/lib/libredux-mpi.so" "$BUILD/lib/libredux.so" -Wl,-rpath,"$(realpath "$BUILD/lib")"
}
check "a C program" compile "$work/own.c" "$work/own"
timeout 120 $MPIRUN -np 3 "$work/own" $ct >"$work/own.txt" 2>"$work/err"
check "on three ranks" test "$(sort -u "$work/own.txt" | wc -l)" = 1 -a "$(wc -l <"$work/own.txt")" = 3
check "a program that stops" compile tests/mpi/stopped.c "$work/stopped"
check "does so when asked to" on 4 "$work/stopped" never
for phase in start reading exchange; do # rank 3 waits for 2, and 2 for the one that has stopped
    (timeout 50 $MPIRUN -np 4 "$work/stopped" $phase >"$work/$phase" 2>&1
        echo "exit $?" >>"$work/$phase") &
done
wait
stopped() {
    grep -q "rank 1 did not answer for 3 seconds: it is gone or stopped" "$work/$1" && ! grep -qE "exit (0|124)$" "$work/$1"
}
for phase in start reading exchange; do
    check "a rank that stops in its $phase is named" stopped $phase
done
if [ "$ALL" = 1 ] && command -v cmake >/dev/null; then
    by_cmake() { # the installed library's component, for a project that asks for it
        "${MAKE:-make}" --no-print-directory MPI=1 install PREFIX="$work/tree" >"$work/log" 2>&1 &&
            printf '%s\n' 'cmake_minimum_required(VERSION 3.16)' 'project(own LANGUAGES C)' \
                'find_package(redux REQUIRED COMPONENTS mpi)' 'add_executable(own own.c)' \
                'target_link_libraries(own PRIVATE redux::mpi)' >"$work/CMakeLists.txt" &&
            cmake -S "$work" -B "$work/cmake" -Dredux_DIR="$work/tree/lib/cmake/redux" >"$work/log" 2>&1 &&
            cmake --build "$work/cmake" >"$work/log" 2>&1 &&
            timeout 120 $MPIRUN -np 2 "$work/cmake/own" $ct 2>"$work/err" | sort -u |
                cmp - <(sort -u "$work/own.txt")
    }
    check "CMake's component mpi" by_cmake
else
    echo "  skipped: CMake's component mpi: it needs ALL=1 and cmake"
fi
check "exports only what its header names" test "$(nm -D --defined-only "$BUILD/lib/libredux-mpi.so" |
    awk '$2 == "T" { print $3 }' | sed 's/@.*//' | sort | tr '\n' ' ')" = \
    "$(grep -o 'redux_mpi_[a-z_]*(' lib/mpi/redux/mpi.h | tr -d '(' | sort -u | tr '\n' ' ')"

# shellcheck source=tests/mpi/hosts.sh
. tests/mpi/hosts.sh

echo "check-mpi: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
