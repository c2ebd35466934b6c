from compiler.models import Dag

limit = {"a": 1}


def name() -> str:
    return limit["b"]


dag = Dag(name=name(), tasks={"one": {"asset": "b"}})
