#!/usr/bin/env bash
# check-docs.sh [PAGE …]: runs the commands of the README and of docs (every fenced `sh` block, or those of some pages) in a clean copy of this checkout, in the pages' order, and says of each
# whether it did what its page says. Comments before a block say what that is, and which blocks cannot be run here; docs/testing.md describes them. A page that presupposes PostgreSQL gets one in
# a container; what that needs is installed as ./test.sh does. Ports and paths of the pages are replaced by free ones. The exit code is 0 only if everything did what its page says.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=eng/packages.sh
source eng/packages.sh
# shellcheck source=eng/images/tags.env
source eng/images/tags.env
# shellcheck source=eng/docker.sh
source eng/docker.sh
patience=120 # seconds for what a page says to come true: a first build on a busy machine is the longest

main() {
    local pages=("$@") page failed=0
    ((${#pages[@]} > 0)) || mapfile -t pages < <(git ls-files README.md 'docs/*.md' samples/c15t-backend/README.md)
    have dotnet || fail "dotnet is not on PATH"
    need curl curl
    need node nodejs
    # A run of the tests, as eng/docker.sh counts them: as long as this is locked no other one stops the Docker daemon.
    export CONSENT_SNAPSHOTS_TEST_RUN=docs-$$-$RANDOM
    exec {users}>>"$docker_users"
    flock --shared "$users"
    work=$(mktemp -d)
    container=
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    mkdir "$work/copy"
    touch "$work/ran" "$work/not-run"
    git ls-files -z --cached --others --exclude-standard | tar --null --files-from - --create | tar --extract --directory "$work/copy"
    export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 MSBUILDDISABLENODEREUSE=1 UseSharedCompilation=false Worker__Url=off
    for page in "${pages[@]}"; do
        [[ -f $page ]] || fail "there is no page $page"
        grep -q '^```sh$' "$page" || continue
        if grep -q '^<!-- presupposes: postgres -->$' "$page"; then start_postgres; fi
        # A session and a process group of its own, so that what the page started can be ended as a whole.
        setsid "$0" --page "$page" "$work" "$(free_port)" "${postgres_port:-0}" </dev/null {users}>&- &
        page_process=$!
        wait "$page_process" || failed=$((failed + 1))
        end_page
    done
    echo
    echo "Not run here:"
    sed 's/^/  /' "$work/not-run"
    local ran
    ran=$(wc -l <"$work/ran")
    if ((failed > 0)); then fail "$failed of the pages are wrong"; fi
    echo "check-docs.sh: $ran commands did what their pages say"
}

finish() {
    end_page
    rm -rf "$work"
    exec {users}>&-
    # Removes the container, and stops the daemon if a run of the tests has started it.
    [[ -z $container ]] || eng/teardown-tests.sh "$CONSENT_SNAPSHOTS_TEST_RUN"
}

end_page() {
    [[ -n ${page_process:-} ]] || return 0
    kill -TERM -- "-$page_process" 2>/dev/null || true
    for _ in {1..100}; do
        kill -0 -- "-$page_process" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL -- "-$page_process" 2>/dev/null || true
    page_process=
}

free_port() { node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'; }

start_postgres() {
    [[ -z $container ]] || return 0
    docker image inspect "$POSTGRES_IMAGE" >/dev/null 2>&1 || eng/setup-tests.sh {users}>&-
    container=$(docker run --rm --detach --label "consent-snapshots.test-run=$CONSENT_SNAPSHOTS_TEST_RUN" --env POSTGRES_PASSWORD=only-for-the-documents --env POSTGRES_DB=app --publish 127.0.0.1::5432 "$POSTGRES_IMAGE")
    postgres_port=$(docker port "$container" 5432 | head -n 1 | sed 's/.*://')
    until docker exec "$container" pg_isready --host localhost --quiet; do sleep 0.2; done
    need psql postgresql-client
}

# What is different here from the reader's machine.
adapted() {
    sed -e "s|127\.0\.0\.1:8787|127.0.0.1:$port|g" -e "s|127\.0\.0\.1:3001|127.0.0.1:$PORT|g" -e "s|\$PWD/data|$store|g" -e "s|^dotnet run dev.cs$|& --urls http://127.0.0.1:$port|" \
        -e "s|Host=localhost;|Host=127.0.0.1;Port=$PGPORT;|" -e 's|PGPASSWORD=…|PGPASSWORD=only-for-the-documents|' -e 's|psql -h localhost|psql -h 127.0.0.1|' <<<"$1"
}

# One page, in the session that main has made for it.
run_page() {
    page=$1 work=$2 port=$3 store=$work/store-$3
    export PGPORT=$4
    PORT=$(free_port)
    export PORT
    result=0 out=$work/out here=$PWD
    cd "$work/copy"
    echo
    echo "== $page"
    local line number=0 state=text block=
    expected=() serves='' skip='' lines_of_page='' runs=''
    while IFS= read -r line || [[ -n $line ]]; do
        number=$((number + 1))
        if [[ $state == block ]]; then
            if [[ $line == '```' ]]; then
                state=text
                run_block "$block" "$first"
                expected=() serves='' skip='' lines_of_page='' runs=''
            else
                block+=$line$'\n'
            fi
        elif [[ $state == other ]]; then
            [[ $line != '```' ]] || state=text
        elif [[ $line == '```sh' ]]; then
            state=block block='' first=$((number + 1))
        elif [[ $line == '```'* ]]; then
            state=other
        elif [[ $line =~ ^\<!--\ presupposes:\ (.*)\ --\>$ ]]; then
            presuppose "${BASH_REMATCH[1]}"
        elif [[ $line =~ ^\<!--\ prints:\ (.*)\ --\>$ ]]; then
            expected+=("${BASH_REMATCH[1]}")
        elif [[ $line == '<!-- prints lines of this page -->' ]]; then
            lines_of_page=yes
        elif [[ $line == '<!-- runs -->' ]]; then
            runs=yes
        elif [[ $line =~ ^\<!--\ serves\ until:\ (.*)\ --\>$ ]]; then
            serves=${BASH_REMATCH[1]}
        elif [[ $line =~ ^\<!--\ not\ run:\ (.*)\ --\>$ ]]; then
            skip=${BASH_REMATCH[1]}
        fi
    done <"$here/$page"
    return "$result"
}

presuppose() {
    case $1 in
        postgres) ;; # main has started it
        edge | 'published sample')
            export Source__Provider=file Source__File=samples/destinations.json Storage__Provider=directory Storage__Directory=$store
            quietly dotnet run --project src/Worker -- regenerate --all
            if [[ $1 == edge ]]; then
                ASPNETCORE_URLS=http://127.0.0.1:$port dotnet run --project src/EdgeApi >"$work/edge-$port" 2>&1 &
                await_text 'Now listening on' "$work/edge-$port" || wrong "the edge that the page presupposes does not start"
            fi
            ;;
        *) wrong "nobody knows how to provide what the page presupposes: $1" ;;
    esac
}

quietly() { "$@" >"$out" 2>&1 || { cat "$out"; wrong "$*"; }; }

wrong() {
    echo "   WRONG  $*"
    result=1
}

await_text() {
    local deadline=$((SECONDS + patience))
    until grep -qE -- "$1" "$2" 2>/dev/null; do
        ((SECONDS < deadline)) || return 1
        sleep 0.2
    done
}

run_block() {
    local block=$1 first=$2 line command='' commands=() at number=$((first - 1)) before=$result
    if [[ -n $skip ]]; then
        echo "   not run: line $first, $skip"
        printf '%s:%s  %s\n' "$page" "$first" "$skip" >>"$work/not-run"
        return
    fi
    if ((${#expected[@]} == 0)) && [[ -z $serves$lines_of_page$runs ]]; then
        # What nobody has looked at is not run: it may be meant for a machine of another kind.
        wrong "line $first: no comment before the block says what it prints, or why it is not run here (docs/testing.md)"
        return
    fi
    # A command ends where bash would take it for whole.
    while IFS= read -r line; do
        command+=$line$'\n'
        if [[ $line == *\\ ]] || ! bash -n <<<"$command" 2>/dev/null; then continue; fi
        [[ -z ${command//[$' \n']/} || $command =~ ^[[:space:]]*# ]] || commands+=("${command%$'\n'}")
        command=
    done <<<"$block"
    [[ -z ${command//[$' \n']/} ]] || wrong "line $first: the block ends within a command: $command"
    : >"$out.block"
    for at in "${!commands[@]}"; do
        run_command "${commands[at]}" "$((at == ${#commands[@]} - 1 ? 1 : 0))"
        ((result == before)) || return 0
    done
    if [[ -n $lines_of_page ]]; then
        while IFS= read -r line; do
            [[ -z $line ]] || grep -qFx -- "$line" "$here/$page" || wrong "line $first: printed, and not on the page: $line"
        done <"$out.block"
    fi
}

# run_command COMMAND IS-LAST
run_command() {
    local shown=$1 command status=0 deadline=$((SECONDS + patience)) pattern serving=
    command=$(adapted "$shown")
    echo "   \$ ${shown//$'\n'/$'\n'     }"
    if [[ $command == *'&' && $command != *'&&' ]]; then serving=yes; fi
    # A server in the foreground of the reader's terminal.
    if [[ -n $serves && -z $serving && $2 == 1 && $command == 'dotnet run dev.cs'* ]]; then serving=yes command+=' &'; fi
    if [[ -n $serving ]]; then
        served=$out.served-$((++servers))
        eval "$command" >"$served" 2>&1 </dev/null
        if [[ $command == *EdgeApi* || $command == *dev.cs* || $command == *'npm start'* ]] && ! await_text "$serves" "$served"; then
            cat "$served"
            wrong "it has not printed '$serves'"
            return
        fi
        echo "$shown" >>"$work/ran"
        echo "     serves"
        return
    fi
    while true; do
        status=0
        eval "$command" >"$out" 2>&1 </dev/null || status=$?
        # A person looks again where something needs a moment.
        if [[ $command == curl* ]] && { ((status != 0)) || { [[ $2 == 1 ]] && ! all_printed; }; } && ((SECONDS < deadline)); then
            sleep 0.3
            continue
        fi
        break
    done
    cat "$out" >>"$out.block"
    if ((status != 0)); then
        cat "$out"
        wrong "it ended with exit code $status"
        return
    fi
    if [[ $2 == 1 ]]; then
        for pattern in "${expected[@]}"; do
            grep -qE -- "$pattern" "$out.block" || { tail -n 20 "$out.block" | cut -c1-400; wrong "no line of the block's output matches: $pattern"; }
        done
    fi
    echo "$shown" >>"$work/ran"
    if ((result != 0)); then return; fi
    echo "     ended well"
    if [[ $2 == 1 ]]; then
        for pattern in "${expected[@]}"; do echo "     printed, as the page says: $(grep -oEm 1 -- "$pattern" "$out.block" | head -n 1 | cut -c1-60)"; done
    fi
}

all_printed() {
    local pattern
    for pattern in "${expected[@]}"; do
        cat "$out.block" "$out" | grep -qE -- "$pattern" || return 1
    done
}

servers=0
if [[ ${1:-} == --page ]]; then
    set +e
    run_page "${@:2}"
    exit "$result"
fi
main "$@"
