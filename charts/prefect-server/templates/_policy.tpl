{{/* Pieces of network policies. */}}

{{/* The policy's head: (dict "root" $ "component" "apollo"). Both directions: what it does not name stays denied. */}}
{{- define "prefect-server.policy" -}}
podSelector:
  matchLabels:
    {{- include "prefect-server.selector" . | nindent 4 }}
policyTypes: [Ingress, Egress]
{{- end -}}

{{/* Pods of this release: (dict "root" $ "component" "apollo"). */}}
{{- define "prefect-server.peer.own" -}}
- podSelector:
    matchLabels:
      {{- include "prefect-server.selector" . | nindent 6 }}
{{- end -}}

{{/* Somebody else, from the values: pods of a namespace, or addresses. */}}
{{- define "prefect-server.peer" -}}
{{- if .cidr -}}
- ipBlock:
    cidr: {{ .cidr }}
{{- else -}}
- namespaceSelector:
    matchLabels:
      kubernetes.io/metadata.name: {{ .namespace | quote }}
  podSelector:
    matchLabels:
      {{- toYaml .podLabels | nindent 6 }}
{{- end }}
{{- end -}}

{{- define "prefect-server.egress.dns" -}}
- to:
    {{- include "prefect-server.peer" .Values.networkPolicy.dns | nindent 4 }}
  ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end -}}

{{- define "prefect-server.egress.database" -}}
- ports:
    - {protocol: TCP, port: {{ .Values.database.port }}}
  {{- with .Values.networkPolicy.databaseCidr }}
  to:
    - ipBlock:
        cidr: {{ . }}
  {{- end }}
{{- end -}}
