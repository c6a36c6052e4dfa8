#!/bin/bash
#
# Unit tests and Test::Nginx blocks under valgrind: valgrind.sh PROGRAM...
# The blocks pass whatever valgrind reports, so its reports go to files of
# their own, one per process, and any that is not empty fails the run.

set -u

repo=$PWD
logs=$repo/build/valgrind

if [ $# = 0 ]; then
    set -- build/obj/t/unit/*
fi

rm -rf "$logs"
mkdir -p "$logs"

export VALGRIND_OPTS="--suppressions=$repo/t/valgrind.suppress \
--log-file=$logs/%p.log --num-callers=30"

# Forks are slow under valgrind.
export SOAK=tiny

failed=0

for program; do
    if [[ $program == *.[od] ]]; then
        continue
    fi

    echo "$program"
    valgrind -q --leak-check=full --show-leak-kinds=definite,indirect \
        "$program" > "$logs/output" || failed=1
done

export TEST_NGINX_USE_VALGRIND=1

blocks=()

for file in t/*.t; do
    if grep -q Test::Nginx "$file"; then
        blocks+=("$file")
    fi
done

if [ ${#blocks[@]} != 0 ]; then
    perl t/run.pl "${blocks[@]}" || failed=1
fi

reports=0

for log in "$logs"/*.log; do
    if [ -s "$log" ]; then
        reports=$((reports + 1))
        echo "== $log"
        head -n 40 "$log"
    fi
done

echo "$reports processes with reports from valgrind"

[ "$failed" = 0 ] && [ "$reports" = 0 ]
