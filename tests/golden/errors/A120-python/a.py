from compiler.models import Dag, Task

dag = Dag(
    name="Größe",
    descripton="x",
    tasks={"one": {"asset": "b", "retry": {"limit": "x"}}},
)
