{{/* What the schema cannot say: values that need each other. Everything that is wrong is said at once. */}}
{{- define "consent-snapshots.check" -}}
{{- $problems := list -}}
{{- $v := .Values -}}
{{- $postgres := eq $v.source.provider "postgres" -}}
{{- $azure := eq $v.storage.provider "azure" -}}
{{- $migrates := and $v.worker.enabled $postgres $v.migrate.enabled -}}

{{- if not (or $v.worker.enabled $v.edge.enabled) -}}
{{- $problems = append $problems "worker.enabled and edge.enabled are both false, so there is nothing to install." -}}
{{- end -}}

{{- if and $v.worker.enabled (not $postgres) -}}
{{- if and $v.source.config $v.source.existingConfigMap -}}
{{- $problems = append $problems "source.config and source.existingConfigMap are both set. Set one of them." -}}
{{- else if not (or $v.source.config $v.source.existingConfigMap) -}}
{{- $problems = append $problems "source.config is missing: with source.provider=file it is the text of the destinations file (--set-file source.config=destinations.json). Or name a ConfigMap in source.existingConfigMap." -}}
{{- end -}}
{{- end -}}

{{- if and $v.worker.enabled $postgres -}}
{{- if $v.database.managedIdentity -}}
{{- if not $v.database.host -}}{{- $problems = append $problems "database.host is missing: with database.managedIdentity it is the server's name." -}}{{- end -}}
{{- if not $v.database.name -}}{{- $problems = append $problems "database.name is missing: with database.managedIdentity it is the database that has the destinations." -}}{{- end -}}
{{- if not $v.worker.databaseUser -}}{{- $problems = append $problems "worker.databaseUser is missing: with database.managedIdentity it is the role that was created for the worker's identity." -}}{{- end -}}
{{- if and $migrates (not $v.migrate.databaseUser) -}}{{- $problems = append $problems "migrate.databaseUser is missing: with database.managedIdentity it is the role that was created for migrate's identity. It owns the destinations table." -}}{{- end -}}
{{- else -}}
{{- if not $v.worker.secret -}}{{- $problems = append $problems "worker.secret is missing: name a Secret that has ConnectionStrings__Postgres for the worker's role, or set database.managedIdentity." -}}{{- end -}}
{{- if and $migrates (not $v.migrate.secret) -}}{{- $problems = append $problems "migrate.secret is missing: name a Secret that has ConnectionStrings__Postgres for the role that owns the destinations table. Or set migrate.enabled=false, and run migrate yourself before each upgrade." -}}{{- end -}}
{{- if and $migrates $v.migrate.secret (ne $v.migrate.secret $v.worker.secret) (not $v.database.workerRole) -}}{{- $problems = append $problems "database.workerRole is missing: it is the role in the connection string of worker.secret, and migrate grants it what the worker needs." -}}{{- end -}}
{{- end -}}
{{- end -}}

{{- if and $azure (not $v.storage.serviceUri) -}}
{{- if and $v.worker.enabled (not $v.worker.secret) (or (not $postgres) $v.database.managedIdentity) -}}{{- $problems = append $problems "worker.secret is missing: without storage.serviceUri it is a Secret that has Storage__ConnectionString." -}}{{- end -}}
{{- if and $v.edge.enabled (not $v.edge.secret) -}}{{- $problems = append $problems "edge.secret is missing: without storage.serviceUri it is a Secret that has Storage__ConnectionString, whose signature may only read." -}}{{- end -}}
{{- end -}}
{{- if and $azure $v.storage.serviceUri $v.edge.secret -}}
{{- $problems = append $problems "edge.secret and storage.serviceUri are both set. With storage.serviceUri the edge reads with its workload identity: remove edge.secret." -}}
{{- end -}}

{{- if and $v.worker.enabled (or (not $postgres) (not $azure)) (gt (include "consent-snapshots.workerReplicas" . | int) 1) -}}
{{- $problems = append $problems (printf "worker.replicas is %d, and a %s has one writer. Leave it out, or set it to 1." (int $v.worker.replicas) (ternary "file source" "directory store" (not $postgres))) -}}
{{- end -}}

{{- if $v.edge.enabled -}}
{{- if and (eq $v.edge.mode "redirect") (not $v.storage.publicBaseUrl) -}}{{- $problems = append $problems "storage.publicBaseUrl is missing: with edge.mode=redirect the edge sends browsers there." -}}{{- end -}}
{{- if and (eq $v.edge.mode "redirect") $v.edge.origins -}}{{- $problems = append $problems "edge.origins does not go with edge.mode=redirect: after a redirect to another origin a browser no longer says which page asks." -}}{{- end -}}
{{- if and $v.edge.ingress.enabled (not $v.edge.ingress.hosts) -}}{{- $problems = append $problems "edge.ingress.hosts is empty: name the hosts under which pages ask." -}}{{- end -}}
{{- if and $v.edge.autoscaling.enabled (lt (int $v.edge.autoscaling.maxReplicas) (int $v.edge.autoscaling.minReplicas)) -}}{{- $problems = append $problems (printf "edge.autoscaling.maxReplicas is %d, less than minReplicas (%d)." (int $v.edge.autoscaling.maxReplicas) (int $v.edge.autoscaling.minReplicas)) -}}{{- end -}}
{{- end -}}

{{- range $component := list "worker" "edge" "migrate" -}}
{{- range $name, $_ := (get $v $component).extraEnv -}}
{{- $plain := lower $name -}}
{{- if or (hasPrefix "connectionstrings__" $plain) (hasPrefix "encryption__" $plain) (eq $plain "storage__connectionstring") -}}
{{- $problems = append $problems (printf "%s.extraEnv.%s is a secret, and these values can be read by everybody who can read the chart's objects. Put it in the Secret that %s.secret names." $component $name $component) -}}
{{- end -}}
{{- if has $plain (list "worker__url" "worker__shutdowntimeout" "schedule__drain" "schedule__reconcile" "schedule__parallelism" "aspnetcore_urls" "edge__cachedirectory" "edge__cachedirectorybytes" "edge__memorybytes" "edge__metricsurl" "edge__mode" "edge__preload" "edge__scopes" "edge__origins") -}}
{{- $problems = append $problems (printf "%s.extraEnv.%s is set by the chart: use the value that has its meaning (helm show values)." $component $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" (include "consent-snapshots.name" .)) -}}
{{- $problems = append $problems (printf "the name %q cannot be that of a Service: it must begin with a letter, and have only lower-case letters, digits and hyphens. Name the release otherwise, or set fullnameOverride." (include "consent-snapshots.name" .)) -}}
{{- end -}}

{{- if and $v.networkPolicy.enabled $v.telemetry.otlpEndpoint (not $v.networkPolicy.extraEgress) -}}
{{- $problems = append $problems "networkPolicy.extraEgress is empty, so the network policy keeps telemetry from telemetry.otlpEndpoint. Add a rule that permits it." -}}
{{- end -}}

{{- if $problems -}}
{{- fail (printf "\n\nThe values have %d problem(s):\n  - %s\n" (len $problems) (join "\n  - " $problems)) -}}
{{- end -}}
{{- end -}}
