{{/* What the pods have in common: (dict "root" $ "component" "apollo" "values" .Values.apollo). */}}

{{- define "prefect-server.pod" -}}
serviceAccountName: {{ .serviceAccount | default (include "prefect-server.fullname" .root) }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile:
    type: RuntimeDefault
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- with .root.Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if gt (int .values.replicas) 1 }}
{{- include "prefect-server.spread" . | nindent 0 }}
{{- end }}
{{- end -}}

{{/* Zones first, then nodes; a cluster that is short of either still runs them all. */}}
{{- define "prefect-server.spread" -}}
topologySpreadConstraints:
  - topologyKey: topology.kubernetes.io/zone
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    matchLabelKeys: [pod-template-hash]
    labelSelector:
      matchLabels:
        {{- include "prefect-server.selector" . | nindent 8 }}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- include "prefect-server.selector" . | nindent 14 }}
{{- end -}}

{{/* An empty folder for temporary files, which counts as the container's own disk. */}}
{{- define "prefect-server.scratch" -}}
- name: {{ .name }}
  emptyDir:
    sizeLimit: {{ .values.resources.ephemeralStorage }}
{{- end -}}
