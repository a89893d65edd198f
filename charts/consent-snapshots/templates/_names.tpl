{{/* Names, labels and images. A component is migrate, worker or edge. */}}

{{- define "consent-snapshots.name" -}}
{{- default .Release.Name .Values.fullnameOverride | trunc 46 | trimSuffix "-" -}}
{{- end -}}

{{/* Of a component: (dict "root" $ "component" "edge"). */}}
{{- define "consent-snapshots.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "consent-snapshots.labels" -}}
{{ include "consent-snapshots.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: {{ .root.Chart.Name }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "consent-snapshots.serviceAccount" -}}
{{- $account := (index .root.Values .component).serviceAccount -}}
{{- if $account.create -}}
{{- default (printf "%s-%s" (include "consent-snapshots.name" .root) .component) $account.name -}}
{{- else -}}
{{- default "default" $account.name -}}
{{- end -}}
{{- end -}}

{{/* migrate is a command of the worker's program. */}}
{{- define "consent-snapshots.image" -}}
{{- $image := (index .root.Values (ternary "worker" .component (eq .component "migrate"))).image -}}
{{- $path := $image.repository -}}
{{- with .root.Values.image.registry -}}{{- $path = printf "%s/%s" (trimSuffix "/" .) $path -}}{{- end -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $path $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $path (default .root.Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "consent-snapshots.workerReplicas" -}}
{{- if kindIs "invalid" .Values.worker.replicas -}}
{{- if and (eq .Values.source.provider "postgres") (eq .Values.storage.provider "azure") -}}2{{- else -}}1{{- end -}}
{{- else -}}
{{- .Values.worker.replicas | int -}}
{{- end -}}
{{- end -}}

{{/* How many edges there are at least. */}}
{{- define "consent-snapshots.edgeReplicas" -}}
{{- if .Values.edge.autoscaling.enabled -}}{{- .Values.edge.autoscaling.minReplicas | int -}}{{- else -}}{{- .Values.edge.replicas | int -}}{{- end -}}
{{- end -}}

{{/* A value of extraEnv as text. YAML's numbers arrive as floating point, which would be written as 1e+06. */}}
{{- define "consent-snapshots.text" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) -}}{{- printf "%.0f" . -}}{{- else -}}{{- toString . -}}{{- end -}}
{{- end -}}
