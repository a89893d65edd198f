# The images of this product: --target worker and --target edge. eng/build-images.sh builds both; docs/containers.md says how they are run.
# The bases are arguments, so that a mirror can take the registry's place, or a digest a tag's.
ARG SDK_IMAGE=mcr.microsoft.com/dotnet/sdk:10.0-noble-aot
ARG WORKER_BASE_IMAGE=mcr.microsoft.com/dotnet/aspnet:10.0-noble-chiseled
ARG EDGE_BASE_IMAGE=mcr.microsoft.com/dotnet/runtime-deps:10.0-noble-chiseled

FROM ${SDK_IMAGE} AS source
WORKDIR /source
ENV CI=true DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 MSBUILDDISABLENODEREUSE=1
# What decides which packages are fetched comes first: a change of code does not fetch them again.
COPY .config/ .config/
COPY global.json Directory.Build.props Directory.Packages.props ./
COPY src/Generator/Generator.csproj src/Generator/packages.lock.json src/Generator/
COPY src/Generator/Scripts/PageScripts.targets src/Generator/Scripts/
COPY src/Storage/Storage.csproj src/Storage/packages.lock.json src/Storage/
COPY src/Worker/Worker.csproj src/Worker/packages.lock.json src/Worker/
COPY src/EdgeApi/EdgeApi.csproj src/EdgeApi/packages.lock.json src/EdgeApi/
RUN dotnet restore src/Worker --locked-mode && dotnet restore src/EdgeApi --locked-mode && dotnet tool restore
COPY .editorconfig BannedSymbols.txt ./
COPY eng/packages.sh eng/publish-edge.sh eng/sbom.sh eng/
COPY src/ src/
ARG VERSION=0.0.0-local
ARG REVISION=
LABEL consent-snapshots.stage=build
# What both programs are made of, once.
RUN dotnet build src/Storage -c Release --no-restore -p:SourceRevisionId="$REVISION" -p:UseSharedCompilation=false

FROM source AS worker-build
RUN dotnet publish src/Worker -c Release --no-restore -o /app -p:SourceRevisionId="$REVISION" -p:UseSharedCompilation=false \
    && eng/sbom.sh src/Worker /sbom "$VERSION"

FROM source AS edge-build
# The symbols of the native program are larger than the program itself, and are of no use without a debugger.
RUN eng/publish-edge.sh /app --no-restore -p:SourceRevisionId="$REVISION" -p:CopyOutputSymbolsToPublishDirectory=false \
    && eng/sbom.sh src/EdgeApi /sbom "$VERSION" \
    && mkdir /cache

FROM ${WORKER_BASE_IMAGE} AS worker
COPY --from=worker-build /app /app
COPY --from=worker-build /sbom /sbom
WORKDIR /app
# The default is reachable from inside the container only, where no probe of an orchestrator is.
# Without Kerberos in the image, the database driver would write two lines about its library at each start. A connection string that asks for it still does.
ENV Worker__Url=http://+:9464 PGGSSENCMODE=disable
EXPOSE 9464
USER 1654
HEALTHCHECK --interval=15s --timeout=5s --start-period=15s --retries=3 CMD ["/app/consent-snapshots", "health"]
ENTRYPOINT ["/app/consent-snapshots"]
CMD ["run"]
ARG VERSION=0.0.0-local
ARG REVISION=
ARG WORKER_BASE_IMAGE
LABEL org.opencontainers.image.title="Consent Snapshots worker" \
    org.opencontainers.image.description="Generates, proves and publishes the scripts of every organization, environment and consent set." \
    org.opencontainers.image.version="$VERSION" \
    org.opencontainers.image.revision="$REVISION" \
    org.opencontainers.image.base.name="$WORKER_BASE_IMAGE"

FROM ${EDGE_BASE_IMAGE} AS edge
COPY --from=edge-build /app /app
COPY --from=edge-build /sbom /sbom
# A volume that is made here belongs to the user that the edge runs as.
COPY --from=edge-build --chown=1654:1654 /cache /cache
WORKDIR /app
# The base names a port of its own, which would only be a second answer to the same question.
ENV ASPNETCORE_HTTP_PORTS= ASPNETCORE_URLS=http://+:8080 Edge__CacheDirectory=/cache
EXPOSE 8080
VOLUME /cache
USER 1654
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s --retries=3 CMD ["/app/consent-edge", "health"]
ENTRYPOINT ["/app/consent-edge"]
ARG VERSION=0.0.0-local
ARG REVISION=
ARG EDGE_BASE_IMAGE
LABEL org.opencontainers.image.title="Consent Snapshots edge" \
    org.opencontainers.image.description="Answers which scripts a visitor's consent permits, from what the worker published." \
    org.opencontainers.image.version="$VERSION" \
    org.opencontainers.image.revision="$REVISION" \
    org.opencontainers.image.base.name="$EDGE_BASE_IMAGE"
