{{- define "tributary.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- /* The release's name, with the chart's name appended unless it contains it already. */ -}}
{{- define "tributary.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "tributary.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Of every object of the chart. */ -}}
{{- define "tributary.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{- define "tributary.selector" -}}
app.kubernetes.io/name: {{ include "tributary.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "tributary.labels" -}}
{{ include "tributary.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* Must differ from the operator's labels, whose selector must not match the gateway's pods. */ -}}
{{- define "tributary.gateway.selector" -}}
app.kubernetes.io/name: {{ include "tributary.name" . | trunc 55 | trimSuffix "-" }}-gateway
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "tributary.gateway.labels" -}}
{{ include "tributary.gateway.selector" . }}
app.kubernetes.io/component: gateway
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* Must differ from the operator's labels, whose selector must not match the pods of sync. */ -}}
{{- define "tributary.sync.selector" -}}
app.kubernetes.io/name: {{ include "tributary.name" . | trunc 58 | trimSuffix "-" }}-sync
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "tributary.sync.labels" -}}
{{ include "tributary.sync.selector" . }}
app.kubernetes.io/component: sync
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "tributary.gateway.fullname" -}}
{{- printf "%s-gateway" (include "tributary.fullname" . | trunc 55 | trimSuffix "-") -}}
{{- end -}}

{{- define "tributary.sync.fullname" -}}
{{- printf "%s-sync" (include "tributary.fullname" . | trunc 58 | trimSuffix "-") -}}
{{- end -}}

{{- /*
Where the pods of a component run: dict "root" $, "own" values of the component, "selector" its labels as text, "replicas".
Own values replace those for all components.
*/ -}}
{{- define "tributary.placement" -}}
{{- $all := .root.Values -}}
{{- with .own.priorityClassName | default $all.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .own.nodeSelector | default $all.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .own.tolerations | default $all.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .own.affinity | default $all.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- $selector := fromYaml .selector }}
{{- with .own.topologySpreadConstraints | default $all.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- range . }}
  - {{- toYaml (hasKey . "labelSelector" | ternary . (merge (dict "labelSelector" (dict "matchLabels" $selector)) .)) | nindent 4 }}
  {{- end }}
{{- else }}
{{- if gt (int .replicas) 1 }}
# Spread over nodes and zones where possible.
topologySpreadConstraints:
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- toYaml $selector | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- /* How the pods of every component are replaced. A field that is valid for RollingUpdate only is left out for Recreate. */ -}}
{{- define "tributary.strategy" -}}
{{- with .Values.strategy }}
strategy:
  {{- toYaml (eq (toString .type) "Recreate" | ternary (omit . "rollingUpdate") .) | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* Of the Services of every component. */ -}}
{{- define "tributary.ipFamilies" -}}
{{- with .Values.service.ipFamilyPolicy }}
ipFamilyPolicy: {{ . }}
{{- end }}
{{- with .Values.service.ipFamilies }}
ipFamilies: {{ toJson . }}
{{- end }}
{{- end -}}

{{- /* A ServiceAccount of a component: dict "root" $, "name", "labels" of the component as text, "own" values. */ -}}
{{- define "tributary.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .name }}
  namespace: {{ include "tributary.namespace" .root }}
  labels:
    {{- .labels | nindent 4 }}
    {{- with .own.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .own.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: {{ .own.automount }}
{{- end -}}

{{- /* Volumes of a component: dict "root" $, "own" values with extraVolumes. */ -}}
{{- define "tributary.volumes" -}}
{{- $bundle := .root.Values.awsCaBundle -}}
{{- if or $bundle.configMap .own.extraVolumes }}
volumes:
  {{- if $bundle.configMap }}
  - name: ca
    configMap:
      name: {{ $bundle.configMap }}
      items:
        - key: {{ $bundle.key }}
          path: bundle.pem
  {{- end }}
  {{- with .own.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end -}}

{{- /* Where the container of a component mounts them: dict "root" $, "own" values with extraVolumeMounts. */ -}}
{{- define "tributary.volumeMounts" -}}
{{- $bundle := .root.Values.awsCaBundle -}}
{{- if or $bundle.configMap .own.extraVolumeMounts }}
volumeMounts:
  {{- if $bundle.configMap }}
  - name: ca
    mountPath: /etc/tributary/ca
    readOnly: true
  {{- end }}
  {{- with .own.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end -}}

{{- /* Of the pods of every component. */ -}}
{{- define "tributary.pod" -}}
{{- with concat .Values.imagePullSecrets .Values.global.imagePullSecrets | uniq }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.dnsPolicy | default (.Values.hostNetwork | ternary "ClusterFirstWithHostNet" "") }}
dnsPolicy: {{ . }}
{{- end }}
{{- with .Values.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* Variables of OpenTelemetry. POD_NAME and TRIBUTARY_NAMESPACE are defined before them. */ -}}
{{- define "tributary.tracing" -}}
{{- with .Values.tracing -}}
{{- if .enabled -}}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ required "tracing.endpoint: the URL of the collector, such as http://collector:4318" .endpoint | quote }}
- name: OTEL_TRACES_SAMPLER
  value: {{ .sampler | quote }}
{{- if hasSuffix "traceidratio" .sampler }}
- name: OTEL_TRACES_SAMPLER_ARG
  value: {{ .samplerRatio | quote }}
{{- end }}
{{- if .headersSecret.name }}
- name: OTEL_EXPORTER_OTLP_HEADERS
  valueFrom:
    secretKeyRef:
      name: {{ .headersSecret.name }}
      key: {{ .headersSecret.key }}
{{- end }}
{{- $attributes := list "k8s.namespace.name=$(TRIBUTARY_NAMESPACE)" "k8s.pod.name=$(POD_NAME)" }}
{{- range $name, $value := .resourceAttributes }}
{{- $attributes = append $attributes (printf "%s=%s" $name $value) }}
{{- end }}
- name: OTEL_RESOURCE_ATTRIBUTES
  value: {{ join "," $attributes | quote }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* The TCP port of the collector, unless networkPolicy.egressPorts has it. */ -}}
{{- define "tributary.tracing.port" -}}
{{- if .Values.tracing.enabled -}}
{{- $url := urlParse .Values.tracing.endpoint -}}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default (eq $url.scheme "https" | ternary "443" "80") -}}
{{- $known := list -}}
{{- range .Values.networkPolicy.egressPorts -}}
{{- $known = append $known (toString .) -}}
{{- end -}}
{{- if not (has $port $known) -}}
{{- $port -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "tributary.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "tributary.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name: name the account, or set serviceAccount.create" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "tributary.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* Kinds for existing.arnFrom in the format of --arn-from: Queue=queues.sqs.services.k8s.aws,ConfigMap=configmaps */}}
{{- define "tributary.arnFrom" -}}
{{- $kinds := list -}}
{{- range . -}}
{{- $kinds = append $kinds (printf "%s=%s" .kind (list .resource .apiGroup | compact | join ".")) -}}
{{- end -}}
{{- join "," $kinds -}}
{{- end -}}

{{- /* Names of the Leases of the operator: with shards, one for each shard and each replica in addition. */ -}}
{{- define "tributary.leases" -}}
{{- $name := include "tributary.fullname" . -}}
{{- $names := list $name -}}
{{- $shards := int .Values.shards -}}
{{- if gt $shards 1 -}}
{{- range $number := until $shards -}}
{{- $names = concat $names (list (printf "%s-shard-%d" $name $number) (printf "%s-replica-%d" $name $number)) -}}
{{- end -}}
{{- end -}}
{{- toJson $names -}}
{{- end -}}
