# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Figures as the scripts see them: printed, kept for the goals, counted if they
# are missing.

declare -A FIGURE
MISSING=0

# figure NAME VALUE UNIT
figure() {
	FIGURE[$1]=$2
	echo "bench $1 $2 $3"
}

# missing NAME REASON...
missing() {
	MISSING=$((MISSING + 1))
	echo "bench $1 - (${*:2})"
}

# keep LINE...: a `bench` line that a tool has printed.
keep() {
	local word name value unit
	read -r word name value unit <<<"$1"
	[ "$word" = bench ] || { echo "$1"; return; }
	if [ "$value" = - ]; then
		missing "$name" "${unit//[()]/}"
	else
		figure "$name" "$value" "$unit"
	fi
}

# The figures that a tool owes, so that a tool that dies leaves them missing.
declare -A OWED=(
	[testrun]="relay_empty relay_floor relay_forward_v4 relay_forward_v6
		relay_forward_4to6 relay_mac1_reject relay_miss relay_random_floor
		relay_random_1k relay_random_100k relay_random_1m relay_hash_1m"
	[peers-handshakes]="handshake_forward_rate"
	[peers-roam]="roam_recovery_ms roam_rtt_ms"
)

# owe NAME TEXT: what the tool NAME owes and has not printed is missing.
owe() {
	local name
	for name in ${OWED[$1]}; do
		[ -n "${FIGURE[$name]:-}" ] || missing "$name" "$2"
	done
}

# tool NAME [ARGUMENT...]: in the first namespace, its figures kept.
tool() {
	local line
	while IFS= read -r line; do
		keep "$line"
	done < <("$TOOLS/$1" "${@:2}" 2>&1)
	owe "$1" "$1 ended early"
}

# median of the numbers on standard input
median() {
	sort -g | awk '{ v[NR] = $1 }
		END { if (NR) print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# calc EXPRESSION [FORMAT]
calc() { awk "BEGIN { printf \"${2:-%.0f}\", ($1) }"; }

machine() {
	echo "# $(uname -sr), $(nproc) CPUs: $(awk -F': ' '/model name/ { print $2; exit }' /proc/cpuinfo)"
}
