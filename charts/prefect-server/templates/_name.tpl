{{/* Names and labels. Where a helper takes a service, it is (dict "root" $ "component" "apollo"). */}}

{{- define "prefect-server.fullname" -}}
{{- $name := ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) -}}
{{- $name | trunc 51 | trimSuffix "-" -}}
{{- end -}}

{{- define "prefect-server.name" -}}
{{- printf "%s-%s" (include "prefect-server.fullname" .root) .component -}}
{{- end -}}

{{/* What selects the pods of all services. */}}
{{- define "prefect-server.selector.all" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "prefect-server.selector" -}}
{{ include "prefect-server.selector.all" .root }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "prefect-server.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/* The metadata of a service's object. */}}
{{- define "prefect-server.metadata" -}}
name: {{ include "prefect-server.name" . }}
namespace: {{ .root.Release.Namespace | quote }}
labels:
  {{- include "prefect-server.selector" . | nindent 2 }}
  {{- include "prefect-server.labels" .root | nindent 2 }}
{{- end -}}

{{/* Where a service is reached from inside the cluster. */}}
{{- define "prefect-server.host" -}}
{{- printf "%s.%s" (include "prefect-server.name" .) .root.Release.Namespace -}}
{{- end -}}
