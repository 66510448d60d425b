{{/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */}}

{{- define "weft.labels" -}}
app.kubernetes.io/name: weft
{{ include "weft.release" . }}
{{- end }}

{{- define "weft.release" -}}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "weft.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end }}

{{- define "weft.securityContext" -}}
runAsUser: 0
runAsGroup: 0
privileged: false
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
  add: {{ concat (list "BPF" "NET_ADMIN" "PERFMON") .Values.privileges.capabilities | uniq | toJson }}
{{- end }}

{{/* What both kinds of pods have in common. */}}
{{- define "weft.pod" -}}
priorityClassName: {{ .Values.priorityClassName }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
{{- range . }}
- name: {{ . }}
{{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 0 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
hostNetwork: true
dnsPolicy: Default
terminationGracePeriodSeconds: 10
securityContext:
  seccompProfile: {{- toYaml .Values.seccompProfile | nindent 4 }}
{{- end }}

{{/* A probe asks at loopback where the agent listens at all addresses. */}}
{{- define "weft.httpGet" -}}
httpGet:
  host: {{ .Values.listen.host | default "127.0.0.1" }}
  port: {{ .Values.listen.port }}
{{- end }}

{{- define "weft.listen" -}}
{{- with .Values.listen }}{{ if contains ":" .host }}[{{ .host }}]{{ else }}{{ .host }}{{ end }}:{{ .port }}{{ end }}
{{- end }}
