#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A short run of each fuzzer, FUZZ_SECONDS each; `make fuzz FUZZ_SECONDS=600`
# is the long one. What they find is kept for a look.

cd "$(dirname "$0")/../.." || exit 1
O=${O:-build}
seconds=${FUZZ_SECONDS:-5}
count=0 failed=0
for source in selftests/fuzz/*.c; do
	name=$(basename "$source" .c)
	dir=$(mktemp -d)
	count=$((count + 1))
	if "$O/selftests/fuzz/$name" -max_total_time="$seconds" -max_len=65536 -timeout=10 \
		-rss_limit_mb=2048 -artifact_prefix="$dir/" "$dir" >"$dir/log" 2>&1; then
		echo "ok $count - $name: $(grep -oE 'Done [0-9]+ runs' "$dir/log")"
		rm -rf "$dir"
	else
		failed=1
		echo "not ok $count - $name: see $dir"
		grep -vE '^#[0-9]' "$dir/log" | tail -n 30 | sed 's/^/# /'
	fi
done
echo "1..$count"
exit $failed
