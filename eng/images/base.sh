# shellcheck shell=bash
# Sourced after packages.sh by the scripts that build images: which images to build on. The official ones are named in the Dockerfiles; where no registry can be reached, images made of
# this machine's own files take their place, under names of their own, so that none of them is ever taken for an official one.

# pull IMAGE: a registry that answers says so with its first line at once; how long the download then takes is another matter.
registry_patience=8 # seconds until an image registry that says nothing counts as unreachable
pull() {
    local tag=$1 log pid deadline=$((SECONDS + registry_patience))
    log=$(mktemp)
    docker pull "$tag" </dev/null >"$log" 2>&1 &
    pid=$!
    while kill -0 "$pid" 2>/dev/null && ! grep -q 'Pulling from' "$log"; do
        if ((SECONDS >= deadline)); then
            kill "$pid" 2>/dev/null || true
        fi
        sleep 0.1
    done
    if wait "$pid"; then
        rm -f "$log"
        return 0
    fi
    say "cannot pull $tag: $(tail -n 1 "$log")"
    rm -f "$log"
    return 1
}

# base_arguments DOCKERFILE: sets base_args to the options of `docker build` that name the bases of this Dockerfile, where those in it are not to be had. A variable of the environment
# with the argument's name (SDK_IMAGE, say) wins.
base_arguments() {
    local dockerfile=$1 argument image
    base_args=()
    while IFS='=' read -r -u 3 argument image; do
        if [[ -n ${!argument:-} ]]; then
            base_args+=(--build-arg "$argument=${!argument}")
        elif ! docker image inspect "$image" >/dev/null 2>&1 && ! pull "$image"; then
            local_base "$argument"
            base_args+=(--build-arg "$argument=$base")
        fi
    done 3< <(sed -nE 's/^ARG ([A-Z_]+_IMAGE)=(.+)/\1=\2/p' "$dockerfile")
}

# local_base ARGUMENT: sets base to an image made of this machine's files. It is made anew when what it is made of has changed.
local_base() {
    local name recipe
    case $1 in
        SDK_IMAGE) name=sdk ;;
        WORKER_BASE_IMAGE) name=aspnet ;;
        EDGE_BASE_IMAGE) name=runtime-deps ;;
        NGINX_IMAGE) name=nginx ;;
        NODE_IMAGE) name=node ;;
        *) fail "$1 has no image, and there is no way to make one of this machine's files" ;;
    esac
    [[ $name == runtime-deps || $name == n* ]] || have dotnet || fail "the image that $1 names cannot be had, and there is no .NET SDK on this machine to make one of: name one that can be pulled by setting $1"
    recipe=$({
        cat eng/images/rootfs.sh eng/images/distroless.sh eng/images/"$name"/*
        case $name in
            sdk) cat global.json .config/dotnet-tools.json Directory.Packages.props src/*/packages.lock.json && dotnet --version ;;
            aspnet) dotnet --list-runtimes ;;
            node) node --version && npm --version ;;
            nginx) nginx -v 2>&1 || true ;;
        esac
    } | sha256sum | cut -c1-16)
    base=consent-snapshots.local/$name:$recipe
    docker image inspect "$base" >/dev/null 2>&1 && return
    local started=$SECONDS
    "eng/images/$name/build.sh" "$base" "$recipe"
    say "made $base of this machine's files in $((SECONDS - started)) s ($(docker image inspect --format '{{.Size}}' "$base" | numfmt --to=si) B)"
}
