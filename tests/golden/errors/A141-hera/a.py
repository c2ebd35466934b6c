from hera.workflows import Container, Workflow

with Workflow(name="w", entrypoint="a", labels={"a": "b"}, node_selector={"x": 5}) as workflow:
    Container(name="a", image="busybox", command=["echo"])
