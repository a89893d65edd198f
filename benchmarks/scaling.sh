#!/usr/bin/env bash
# The sums of docs/scaling.md: what a number of scopes takes a month, from figures that were measured once. Whoever has other figures or prices puts them in by the variables below.
#   benchmarks/scaling.sh [SCOPES …]     (default 1000 30000 1000000)
# EDITS: publications for each scope in a month (4). EDGES: edges (3). HELD: of the scopes, how many an edge holds at the most (all). POLL, REVALIDATE, RECONCILE: seconds between two looks (0.1, 300, 3600).
# GB, WRITE, READ, LIST: prices, for a GB a month and for 10,000 operations (0.018, 0.05, 0.004, 0.05).
set -euo pipefail
scopes=("$@")
((${#scopes[@]} > 0)) || scopes=(1000 30000 1000000)
for count in "${scopes[@]}"; do
    [[ $count =~ ^[1-9][0-9]*$ ]] || { echo "scaling.sh: '$count' is no number of scopes" >&2; exit 2; }
done
awk -v edits="${EDITS:-4}" -v edges="${EDGES:-3}" -v held="${HELD:-0}" -v poll="${POLL:-0.1}" -v revalidate="${REVALIDATE:-300}" -v reconcile="${RECONCILE:-3600}" \
    -v gb="${GB:-0.018}" -v write="${WRITE:-0.05}" -v read="${READ:-0.004}" -v list="${LIST:-0.05}" -v scopes="${scopes[*]}" '
function grouped(number,  text) {
    text = sprintf("%.0f", number)
    while (match(text, /[0-9][0-9][0-9][0-9](,|$)/)) text = substr(text, 1, RSTART) "," substr(text, RSTART + 1)
    return text
}
function small(number) { return number < 0.1 ? sprintf("%.4f", number) : number < 10 ? sprintf("%.2f", number) : number < 100 ? sprintf("%.1f", number) : grouped(number) }
function row(name, format,  line, i) {
    line = "| " name " |"
    for (i = 1; i <= n; i++) line = line " " (format == "money" ? small(value[i]) : format == "small" ? small(value[i]) : grouped(value[i])) " |"
    print line
}
BEGIN {
    # Measured: a scope with six destinations (bytes), and one edit of one of them (operations); see docs/scaling.md.
    publicBytes = 20671 + 26239 + 167488; manifest = 27388; addedBytes = 27388 + 8 * 12884; files = 16
    editWrites = 13; editReads = 4; editLists = 1; firstWrites = 17; firstReads = 3; firstLists = 1
    comparison = 7.5 / 30000; oneWorker = 162; memory = 6600; base = 35
    month = 30 * 86400; hours = 730
    n = split(scopes, size, " ")
    head = "| a month |"; rule = "| --- |"
    for (i = 1; i <= n; i++) { head = head " " grouped(size[i]) " scopes |"; rule = rule " --- |"; kept[i] = held > 0 && held < size[i] ? held : size[i] }
    print head; print rule
    for (i = 1; i <= n; i++) value[i] = size[i] * (publicBytes + 2 * manifest) / 1e9
    row("stored after the first publication, GB", "small"); for (i = 1; i <= n; i++) bytes[i] = value[i]
    for (i = 1; i <= n; i++) value[i] = size[i] * edits * addedBytes / 1e9
    row("added by edits, GB", "small")
    for (i = 1; i <= n; i++) writes[i] = value[i] = size[i] * edits * editWrites
    row("writes, by edits", "")
    for (i = 1; i <= n; i++) value[i] = size[i] * edits * editReads
    row("reads, by edits", ""); for (i = 1; i <= n; i++) reads[i] = value[i]
    for (i = 1; i <= n; i++) { value[i] = edges * month / poll; reads[i] += value[i] }
    row("reads, by edges that look at the change log", "")
    for (i = 1; i <= n; i++) { value[i] = edges * kept[i] * month / revalidate; reads[i] += value[i] }
    row("reads, by edges that compare what they hold", "")
    for (i = 1; i <= n; i++) lists[i] = value[i] = size[i] * edits * editLists + edges * month / revalidate + month / reconcile * (int(size[i] * files / 5000) + 3)
    row("listings, by edits, edges and comparisons", "")
    for (i = 1; i <= n; i++) value[i] = bytes[i] * gb
    row("price of what is stored", "money"); for (i = 1; i <= n; i++) sum[i] = value[i]
    for (i = 1; i <= n; i++) value[i] = (writes[i] * write + reads[i] * read + lists[i] * list) / 10000
    row("price of the operations", "money"); for (i = 1; i <= n; i++) sum[i] += value[i]
    for (i = 1; i <= n; i++) value[i] = sum[i]
    row("**together**", "money")
    print ""
    head = "| at once |"
    for (i = 1; i <= n; i++) head = head " " grouped(size[i]) " scopes |"
    print head; print rule
    for (i = 1; i <= n; i++) value[i] = size[i] * edits / month
    row("builds/s, by edits that are spread evenly", "small")
    for (i = 1; i <= n; i++) value[i] = size[i] / oneWorker / 60
    row("minutes for one worker to publish everything anew, directory", "small")
    for (i = 1; i <= n; i++) value[i] = size[i] * (firstWrites + firstReads + firstLists) / 20000 / 60
    row("minutes at least for that in Azure, by 20,000 requests/s of one account", "small")
    for (i = 1; i <= n; i++) value[i] = size[i] * comparison
    row("seconds of one comparison of source and store", "small")
    for (i = 1; i <= n; i++) value[i] = base + kept[i] * memory / 1e6
    row("MB of an edge that holds as many of them as it may", "")
}'
