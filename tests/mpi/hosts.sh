#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # work, reduce and ct are run.sh's
# Two "hosts": network namespaces joined by a cable, with Open MPI over TCP between them. Read by
# tests/mpi/run.sh.
hosts_a=redux-a-$$
hosts_b=redux-b-$$

hosts_down() {
    ip netns del "$hosts_a" 2>/dev/null
    ip netns del "$hosts_b" 2>/dev/null
}
hosts_up() { # fails where namespaces are not to be had
    ip netns add "$hosts_a" && ip netns add "$hosts_b" &&
        ip link add name a netns "$hosts_a" type veth peer name b netns "$hosts_b" &&
        ip -n "$hosts_a" addr add 10.77.0.1/24 dev a && ip -n "$hosts_b" addr add 10.77.0.2/24 dev b &&
        ip -n "$hosts_a" link set lo up && ip -n "$hosts_b" link set lo up &&
        ip -n "$hosts_a" link set dev a up && ip -n "$hosts_b" link set dev b up || return 1
    printf '10.77.0.1 slots=4\n10.77.0.2 slots=4\n' >"$work/hosts"
    cat >"$work/agent" <<END # in place of ssh: HOST COMMAND...
#!/bin/sh
[ "\$1" = 10.77.0.2 ] && where=$hosts_b || where=$hosts_a
shift
exec ip netns exec \$where sh -c "\$*"
END
    chmod +x "$work/agent"
}
on_hosts() { # on_hosts N PROGRAM...: N processes, in turns on the two
    local n=$1
    shift
    timeout 120 ip netns exec "$hosts_a" "${MPIRUN%% *}" --mca plm_rsh_agent "$work/agent" --mca btl tcp,self \
        --mca btl_tcp_if_include 10.77.0.0/24 --mca oob_tcp_if_include 10.77.0.0/24 --bind-to none \
        --map-by node --hostfile "$work/hosts" -np "$n" "$@" 2>"$work/err"
}
bytes_sent() { # by the first host
    ip netns exec "$hosts_a" cat /sys/class/net/a/statistics/tx_bytes
}

reduce_on_hosts() {
    "$reduce" --quiet --strategy ssim --scope dataset --size 64 --manifest "$work/one.csv" "$PWD/$ct" &&
        on_hosts 4 "$(realpath "$reduce")" --mpi --quiet --threads 1 --strategy ssim --scope dataset --size 64 \
            --manifest "$work/ranks.csv" "$PWD/$ct" &&
        cmp "$work/one.csv" "$work/ranks.csv" && [ "$(bytes_sent)" -gt 100000 ]
}
if "${MPIRUN%% *}" --version 2>/dev/null | grep -q 'Open MPI' && hosts_up 2>"$work/err"; then
    check "two hosts" reduce_on_hosts
else
    echo "  skipped: two hosts: no Open MPI, or no network namespaces"
fi
hosts_down
