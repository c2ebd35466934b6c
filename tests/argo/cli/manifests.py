"""Argo manifests that the command's tests run."""

from __future__ import annotations

HELLO = """\
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: hello-}
spec:
  entrypoint: main
  arguments:
    parameters:
      - {name: who, value: world}
      - {name: tone, value: loud, enum: [loud, soft]}
    artifacts:
      - {name: text, raw: {data: "given\\n"}}
  templates:
    - name: main
      inputs: {artifacts: [{name: text}], parameters: [{name: who}]}
      outputs:
        parameters: [{name: greeting, valueFrom: {parameter: "{{tasks.greet.outputs.parameters.line}}"}}]
        artifacts: [{name: copy, from: "{{tasks.greet.outputs.artifacts.copy}}"}]
      dag:
        tasks:
          - name: greet
            template: greet
            arguments:
              parameters: [{name: who, value: "{{inputs.parameters.who}}"}]
              artifacts: [{name: text, from: "{{inputs.artifacts.text}}"}]
    - name: greet
      inputs:
        parameters: [{name: who}]
        artifacts: [{name: text, path: /in/text.txt}]
      outputs:
        parameters: [{name: line, valueFrom: {path: /out/line}}]
        artifacts: [{name: copy, path: /out/copy.txt, archive: {none: {}}}]
      container:
        image: busybox
        command: [sh, -c]
        args: ["mkdir -p /out; echo hello {{inputs.parameters.who}} | tee /out/line; cp /in/text.txt /out/copy.txt"]
"""

FAILS = """\
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: fails}
spec:
  entrypoint: main
  templates:
    - name: main
      container: {image: busybox, command: [sh, -c], args: ["echo why it fails; exit 3"]}
"""

SLEEPS = """\
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: sleeps}
spec:
  entrypoint: main
  templates:
    - name: main
      dag:
        tasks:
          - {name: long, template: long}
          - {name: after, template: after, depends: long}
    - name: long
      container: {image: busybox, command: [sh, -c], args: ["echo started; sleep SECONDS; echo done"]}
    - name: after
      container: {image: busybox, command: [echo, after]}
"""

STUBBORN = """\
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: stubborn}
spec:
  entrypoint: main
  podSpecPatch: '{"terminationGracePeriodSeconds": 100000}'
  templates:
    - name: main
      container:
        image: busybox
        command: [sh, -c]
        args: ["trap '' TERM; echo started; while true; do sleep 1; done"]
"""

GATE = """\
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: gated}
spec:
  entrypoint: main
  templates:
    - name: main
      dag:
        tasks:
          - {name: gate, template: gate}
          - name: publish
            template: publish
            depends: gate
            when: "'{{tasks.gate.outputs.parameters.decision}}' == 'approve'"
    - name: gate
      inputs:
        parameters:
          - {name: decision, default: reject, enum: [approve, reject], description: "Shall it be published?"}
      outputs:
        parameters:
          - {name: decision, enum: [approve, reject], valueFrom: {supplied: {}, default: reject}}
      suspend: {}
    - name: publish
      container: {image: busybox, command: [echo, published]}
"""

TEMPLATE = """\
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: {name: shared}
spec:
  entrypoint: main
  arguments: {parameters: [{name: key}]}
  templates:
    - name: main
      inputs: {parameters: [{name: key}]}
      outputs: {parameters: [{name: found, valueFrom: {path: /out}}]}
      container:
        image: busybox
        command: [sh, -c]
        args: ["printf %s-%s {{inputs.parameters.key}} $FROM_MAP > /out"]
        env: [{name: FROM_MAP, valueFrom: {configMapKeyRef: {name: settings, key: word}}}]
"""

CONFIG = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {word: mapped}
"""
