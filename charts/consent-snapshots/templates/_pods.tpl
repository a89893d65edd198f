{{/* What the pods of all components have in common. */}}

{{- define "consent-snapshots.podLabels" -}}
{{ include "consent-snapshots.labels" . }}
{{- $values := index .root.Values .component }}
{{- if $values.workloadIdentity.clientId }}
azure.workload.identity/use: "true"
{{- end }}
{{- with $values.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* No pod speaks to Kubernetes. A workload identity has a token of its own, which is mounted apart from this one. */}}
{{- define "consent-snapshots.podSettings" -}}
serviceAccountName: {{ include "consent-snapshots.serviceAccount" . }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 1654
  runAsGroup: 1654
  fsGroup: 1654
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- end -}}

{{- define "consent-snapshots.placement" -}}
{{- $values := index .root.Values .component -}}
topologySpreadConstraints:
  {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    # A cluster with one node or zone runs them all the same.
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "consent-snapshots.selector" $ | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- with $values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "consent-snapshots.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* One key of a Secret as an environment variable of the same name. */}}
{{- define "consent-snapshots.secretVariable" -}}
- name: {{ .key }}
  valueFrom:
    secretKeyRef:
      name: {{ .secret | quote }}
      key: {{ .key }}
{{- end -}}

{{/* Where an identity signs in, no secret is left in the connection. */}}
{{- define "consent-snapshots.connection" -}}
Host={{ .host }};Port={{ .root.Values.database.port | int }};Database={{ .root.Values.database.name }};Username={{ .user }};SSL Mode=VerifyFull
{{- end -}}

{{- define "consent-snapshots.accountObject" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "consent-snapshots.serviceAccount" . }}
  labels: {{- include "consent-snapshots.labels" . | nindent 4 }}
  {{- $values := index .root.Values .component }}
  {{- $annotations := deepCopy $values.serviceAccount.annotations }}
  {{- with $values.workloadIdentity.clientId }}
  {{- $_ := set $annotations "azure.workload.identity/client-id" . }}
  {{- end }}
  {{- if eq .component "migrate" }}
  {{- /* The Job runs before the release's own objects exist, so its account is made with it. */}}
  {{- $_ := set $annotations "helm.sh/hook" "pre-install,pre-upgrade" }}
  {{- $_ := set $annotations "helm.sh/hook-weight" "-10" }}
  {{- $_ := set $annotations "helm.sh/hook-delete-policy" "before-hook-creation,hook-succeeded" }}
  {{- end }}
  {{- with $annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end -}}

{{/* Seconds as hh:mm:ss. */}}
{{- define "consent-snapshots.duration" -}}
{{- $seconds := int . -}}
{{- printf "%02d:%02d:%02d" (div $seconds 3600) (mod (div $seconds 60) 60) (mod $seconds 60) -}}
{{- end -}}
