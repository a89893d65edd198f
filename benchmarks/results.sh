# shellcheck shell=bash
# Sourced by the benchmarks, in their folder.
# keep NAME COMMAND …: runs the command, shows the Markdown that it prints, and keeps it in artifacts/benchmarks (or the folder in RESULTS) as NAME.md, with each row of its tables as a
# line of JSON in NAME.jsonl, and its plots as SVG.
keep() {
    local name=$1 folder=${RESULTS:-$PWD/../artifacts/benchmarks}
    shift
    mkdir -p "$folder"
    "$@" | tee "$folder/$name.md"
    dotnet run --project Plots -c Release -v quiet -- "$folder/$name.md" "$folder" >&2
}
